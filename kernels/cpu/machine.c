/* machine.c: CPUID, the choice of the kernel table, physical cores, per-thread scratch.
 *
 * The instruction set is read from CPUID feature bits together with the register state that the operating system saves (XGETBV), never from a model
 * number. AX_ISA_AMX stands for "oneDNN may use AMX" (bf16 and int8 only); float32 kernels run the AVX-512 table there, because AMX has no
 * float32 tiles. */
#include "kernels/cpu/machine.h"
#include "kernels/cpu/bf16.h"
#include "kernels/cpu/table.h"

#include <cpuid.h>
#include <oneapi/dnnl/dnnl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libgomp's and libomp's common entry point; omp.h belongs to one compiler, the symbol to both. */
extern void omp_set_num_threads (int n);

static _Atomic int current_isa = -1;
static pthread_once_t isa_once = PTHREAD_ONCE_INIT;
static AxIsa best_isa;

static uint64_t
xgetbv0 (void)
{
  uint32_t lo, hi;
  __asm__ volatile ("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
  return ((uint64_t) hi << 32) | lo;
}

static AxIsa
detect (void)
{
  unsigned a, b, c, d;
  if (!__get_cpuid (1, &a, &b, &c, &d))
    return AX_ISA_SCALAR;
  const unsigned fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28, f16c = 1u << 29;
  if ((c & (fma | osxsave | avx | f16c)) != (fma | osxsave | avx | f16c))
    return AX_ISA_SCALAR;
  uint64_t state = xgetbv0 ();
  if ((state & 0x6) != 0x6 || !__get_cpuid_count (7, 0, &a, &b, &c, &d) || !(b & (1u << 5)))
    return AX_ISA_SCALAR;
  const unsigned avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31; /* F, DQ, BW, VL */
  if ((state & 0xe6) != 0xe6 || (b & avx512) != avx512)
    return AX_ISA_AVX2;
  const unsigned amx = 1u << 22 | 1u << 24 | 1u << 25; /* AMX-BF16, AMX-TILE, AMX-INT8 */
  if ((state & 0x60000) == 0x60000 && (d & amx) == amx)
    return AX_ISA_AMX;
  return AX_ISA_AVX512;
}

const char *
ax_isa_name (AxIsa isa)
{
  static const char *const names[] = { "scalar", "avx2", "avx512", "amx" };
  return (unsigned) isa < 4 ? names[isa] : "unknown";
}

static void
isa_init (void)
{
  best_isa = detect ();
  AxIsa isa = best_isa;
  const char *want = getenv ("ANATOMIX_ISA");
  if (want && *want) {
    int found = -1;
    for (int i = 0; i < 4; i++)
      if (strcmp (want, ax_isa_name (i)) == 0)
        found = i;
    if (found < 0)
      fprintf (stderr, "ANATOMIX_ISA=%s is not one of scalar, avx2, avx512, amx; using %s\n", want, ax_isa_name (isa));
    else if (found > (int) best_isa)
      fprintf (stderr, "ANATOMIX_ISA=%s: this machine has no %s; using %s\n", want, want, ax_isa_name (isa));
    else
      isa = found;
  }
  /* oneDNN reads its own bits; only a set below the machine's best has to be imposed. Its lowest is SSE4.1. */
  static const dnnl_cpu_isa_t limit[] = { dnnl_cpu_isa_sse41, dnnl_cpu_isa_avx2, dnnl_cpu_isa_avx512_core_bf16, dnnl_cpu_isa_all };
  if (isa < best_isa)
    dnnl_set_max_cpu_isa (limit[isa]);
  atomic_store (&current_isa, isa);
}

AxIsa
ax_isa (void)
{
  pthread_once (&isa_once, isa_init);
  return atomic_load_explicit (&current_isa, memory_order_relaxed);
}

AxIsa
ax_isa_best (void)
{
  ax_isa ();
  return best_isa;
}

void
ax_isa_force (AxIsa isa)
{
  ax_isa ();
  atomic_store (&current_isa, isa > best_isa ? best_isa : isa);
}

static bool bf16_instructions;

static void
bf16_init (void)
{
  unsigned a, b, c, d;
  bf16_instructions = __get_cpuid_count (7, 1, &a, &b, &c, &d) && a & (1u << 5);
}

bool
ax_bf16_ready (void)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once (&once, bf16_init);
  return bf16_instructions && ax_isa () >= AX_ISA_AVX512;
}

const AxKernelTable *
ax_table (void)
{
  switch (ax_isa ()) {
  case AX_ISA_SCALAR:
    return &ax_table_scalar;
  case AX_ISA_AVX2:
    return &ax_table_avx2;
  default:
    return &ax_table_avx512;
  }
}

void
ax_onednn_enter (void)
{
  static _Thread_local bool entered;
  if (!entered) {
    ax_isa ();
    omp_set_num_threads (1); /* an OpenMP control of the calling thread only */
    entered = true;
  }
}

/* ---- cores ---- */

/* Reads a number from /sys/devices/system/cpu/cpuN/topology; -1 where there is none. */
static int
topology_number (int cpu, const char *name)
{
  char path[128];
  snprintf (path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/%s", cpu, name);
  FILE *f = fopen (path, "re");
  int value = -1;
  if (f) {
    if (fscanf (f, "%d", &value) != 1)
      value = -1;
    fclose (f);
  }
  return value;
}

int
ax_physical_cores (void)
{
  cpu_set_t set;
  if (sched_getaffinity (0, sizeof set, &set) != 0)
    return 1;
  /* Two logical processors of one core share (package, core); count the pairs among those that this process may use. */
  static int seen[CPU_SETSIZE][2];
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  int n = 0;
  pthread_mutex_lock (&lock);
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET (cpu, &set))
      continue;
    int package = topology_number (cpu, "physical_package_id"), core = topology_number (cpu, "core_id");
    bool known = false;
    for (int i = 0; core >= 0 && i < n; i++)
      known |= seen[i][0] == package && seen[i][1] == core;
    if (!known) {
      seen[n][0] = package;
      seen[n][1] = core;
      n++;
    }
  }
  pthread_mutex_unlock (&lock);
  return n > 0 ? n : 1;
}

/* ---- scratch ---- */

typedef struct {
  void *data[AX_SCRATCH_N];
  size_t size[AX_SCRATCH_N];
} Scratch;

static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;
static _Thread_local Scratch *scratch;

static void
scratch_free (void *p)
{
  Scratch *s = p;
  for (int i = 0; i < AX_SCRATCH_N; i++)
    free (s->data[i]);
  free (s);
  scratch = NULL;
}

static void
scratch_free_main (void)
{
  if (scratch)
    scratch_free (scratch);
}

static void
scratch_init (void)
{
  pthread_key_create (&scratch_key, scratch_free);
  atexit (scratch_free_main); /* thread destructors do not run for the thread that calls exit() */
}

void *
ax_scratch (AxScratchSlot slot, size_t bytes)
{
  if (!scratch) {
    pthread_once (&scratch_once, scratch_init);
    scratch = calloc (1, sizeof *scratch);
    if (!scratch)
      abort ();
    pthread_setspecific (scratch_key, scratch);
  }
  if (scratch->size[slot] < bytes || !scratch->data[slot]) {
    size_t size = (bytes + bytes / 4 + 4096) & ~(size_t) 63;
    free (scratch->data[slot]);
    scratch->data[slot] = aligned_alloc (64, size);
    scratch->size[slot] = size;
    if (!scratch->data[slot]) {
      fprintf (stderr, "kernels: out of memory for %zu bytes of scratch\n", size);
      abort (); /* as GLib's allocators do */
    }
  }
  return scratch->data[slot];
}
