/* See walled_card.h. All memory is one range of addresses without any access, but while an operation runs. C++ for one reason: a template can wrap a function of any
 * type. */
#include "tests/kernels/walled_card.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <map>

namespace {

const size_t RANGE = (size_t) 1 << 30, ALIGNED = 4096, HUGE_PAGE = (size_t) 2 << 20; /* the wall opens and shuts a huge page as fast as a small one */

char *range;
size_t limit, used, top, calls;
int depth; /* of open walls */
char error_text[256];
std::map<size_t, size_t> pieces; /* where in the range -> bytes; in use */

void
protect (int access)
{
  /* What was never handed out stays shut. */
  if (top && mprotect (range, top, access) != 0) {
    perror ("walled card");
    abort ();
  }
}

struct Opened {
  Opened () { calls++; if (depth++ == 0) protect (PROT_READ | PROT_WRITE); }
  ~Opened () { if (--depth == 0) protect (PROT_NONE); }
};

/* An operation; skipped while an error is kept, as on a card. */
template <auto F> struct Guarded;
template <class R, class... A, R (*F) (A...)> struct Guarded<F> {
  static R
  call (A... a)
  {
    if (error_text[0])
      return R ();
    Opened opened;
    return F (a...);
  }
};

const char *start (void) { return nullptr; }
const char *title (void) { return "walled card"; }
size_t taken (void) { return used; }

void
memory (size_t *free_bytes, size_t *total_bytes)
{
  *total_bytes = limit ? limit : RANGE;
  *free_bytes = *total_bytes > used ? *total_bytes - used : 0;
}

/* First fit. */
void *
allocate (size_t bytes)
{
  if (!range) {
    range = (char *) mmap (nullptr, RANGE + HUGE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED)
      abort ();
    range = (char *) (((uintptr_t) range + HUGE_PAGE - 1) & ~(uintptr_t) (HUGE_PAGE - 1));
    madvise (range, RANGE, MADV_HUGEPAGE);
  }
  bytes = (bytes + ALIGNED) / ALIGNED * ALIGNED;
  size_t free_bytes, total_bytes, at = 0;
  memory (&free_bytes, &total_bytes);
  for (const auto &piece : pieces) {
    if (piece.first - at >= bytes)
      break;
    at = piece.first + piece.second;
  }
  if (bytes > free_bytes || at + bytes > RANGE)
    return nullptr;
  pieces[at] = bytes;
  used += bytes;
  while (top < at + bytes)
    top += HUGE_PAGE;
  Opened opened;
  memset (range + at, 0xff, bytes); /* NaN: reading what was never written shows */
  return range + at;
}

void
release (void *p)
{
  if (!p)
    return;
  const auto at = pieces.find ((size_t) ((char *) p - range));
  if (at == pieces.end ()) {
    fprintf (stderr, "walled card: %p was not handed out\n", p);
    abort ();
  }
  used -= at->second;
  pieces.erase (at);
}

/* Copies of the host must not come from behind the wall, nor the other way round. */
bool
inside (const void *p)
{
  return range && (const char *) p >= range && (const char *) p < range + RANGE;
}

void
check (bool right, const char *what)
{
  if (right)
    return;
  fprintf (stderr, "walled card: %s\n", what);
  abort ();
}

void
upload (void *to, const void *host, size_t bytes)
{
  check (!inside (host), "an upload from the card's own memory");
  if (bytes && !error_text[0]) {
    check (inside (to), "an upload to the host's memory");
    Opened opened;
    memcpy (to, host, bytes);
  }
}

void
download (void *host, const void *from, size_t bytes)
{
  check (!inside (host), "a download to the card's own memory");
  if (bytes && error_text[0])
    memset (host, 0, bytes);
  else if (bytes) {
    check (inside (from), "a download from the host's memory");
    Opened opened;
    memcpy (host, from, bytes);
  }
}

void
copy (void *to, const void *from, size_t bytes)
{
  if (bytes && !error_text[0]) {
    check (inside (to) && inside (from), "a copy that leaves the card");
    Opened opened;
    memmove (to, from, bytes);
  }
}

void
zero (void *p, size_t bytes)
{
  if (bytes && !error_text[0]) {
    check (inside (p), "clearing the host's memory");
    Opened opened;
    memset (p, 0, bytes);
  }
}

void synchronise (void) {}

void
fail (const char *what)
{
  if (!error_text[0])
    snprintf (error_text, sizeof error_text, "%s", what);
}

bool ok (void) { return error_text[0] == 0; }

const char *
error (void)
{
  static char text[256];
  if (!error_text[0])
    return nullptr;
  memcpy (text, error_text, sizeof text);
  error_text[0] = 0;
  return text;
}

bool record (void) { return false; }
void *recorded (void) { return nullptr; }
void replay (void *) {}
void allow_tf32 (bool) {}
unsigned epoch (void) { return 0; }

AxDevice
make (void)
{
  AxDevice d = {};
  d.name = "walled";
  d.host = false;
  d.start = start;
  d.title = title;
  d.memory = memory;
  d.taken = taken;
  d.alloc = allocate;
  d.free = release;
  d.upload = upload;
  d.download = download;
  d.copy = copy;
  d.zero = zero;
  d.sync = synchronise;
  d.fail = fail;
  d.ok = ok;
  d.error = error;
  d.record = record;
  d.recorded = recorded;
  d.replay = replay;
  d.forget = replay;
  d.allow_tf32 = allow_tf32;
  d.epoch = epoch;
#define X(name) d.name = Guarded<ax_##name>::call;
  AX_DEVICE_OPERATIONS (X)
#undef X
  /* What works whatever happened: these look at the host's side of an object alone. */
  d.conv_free = ax_conv_free;
  d.qmatrix_free = ax_qmatrix_free;
  d.qmatrix_out = ax_qmatrix_out;
  d.qmatrix_in = ax_qmatrix_in;
  d.qmatrix_type = ax_qmatrix_type;
  d.qmatrix_bytes = ax_qmatrix_bytes;
  d.qmatrix_set_exact = ax_qmatrix_set_exact;
  return d;
}

}

const AxDevice *
walled_card (void)
{
  static const AxDevice device = make ();
  return &device;
}

void walled_card_limit (size_t bytes) { limit = bytes; }
size_t walled_card_calls (void) { return calls; }
