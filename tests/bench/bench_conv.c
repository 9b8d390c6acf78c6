/* Measures this project's convolutions against the bare oneDNN primitives: every convolution of a network, ours (NHWC, ReLU, own pool) and oneDNN's
 * (layouts of its own choice, no post-operation, OpenMP over all threads, no reorder counted), summed over the network.
 *
 *   bench_conv [threads] [-v]      -v prints every distinct shape
 *
 * Each time is the best of several runs, taken in turn, so that another process on the machine disturbs both alike. */
#include "kernels/kernels.h"

#include <oneapi/dnnl/dnnl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

extern void omp_set_num_threads (int n);

enum { FORWARD, BACKWARD_DATA, BACKWARD_WEIGHTS, PASSES };
static const char *const pass_names[] = { "forward", "backward data", "backward weights" };

typedef struct {
  AxConvShape s;
  int count;
} Layer;

static Layer layers[64];
static int n_layers;

static int
layer (int n, int *size, int ic, int oc, int k, int stride)
{
  AxConvShape s = { n, *size, *size, ic, oc, k, k, stride, k / 2 };
  *size = ax_conv_out (*size, k, stride, k / 2);
  for (int i = 0; i < n_layers; i++)
    if (memcmp (&layers[i].s, &s, sizeof s) == 0)
      return layers[i].count++;
  layers[n_layers++] = (Layer) { s, 1 };
  return 0;
}

/* torchvision's ResNet-18 and ResNet-50, the stride of a bottleneck on its 3x3, one input channel. */
static void
network (int depth, int n, int size)
{
  static const int blocks18[] = { 2, 2, 2, 2 }, blocks50[] = { 3, 4, 6, 3 };
  n_layers = 0;
  layer (n, &size, 1, 64, 7, 2);
  size = ax_conv_out (size, 3, 2, 1);
  for (int stage = 0, ic = 64; stage < 4; stage++)
    for (int b = 0; b < (depth == 50 ? blocks50 : blocks18)[stage]; b++) {
      int width = 64 << stage, oc = depth == 50 ? 4 * width : width, stride = b == 0 && stage > 0 ? 2 : 1, in = size;
      if (depth == 50)
        layer (n, &size, ic, width, 1, 1);
      layer (n, &size, depth == 50 ? width : ic, width, 3, stride);
      if (depth == 50)
        layer (n, &size, width, oc, 1, 1);
      else
        layer (n, &size, width, width, 3, 1);
      if (b == 0 && ic != oc)
        layer (n, &in, ic, oc, 1, stride);
      ic = oc;
    }
}

static double
now (void)
{
  struct timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static float *
buffer (size_t n)
{
  float *p = aligned_alloc (64, (n * sizeof *p + 63) & ~(size_t) 63);
  if (!p)
    abort ();
  for (size_t i = 0; i < n; i++)
    p[i] = (float) (i % 17) * 0.1f - 0.8f;
  return p;
}

/* ---- oneDNN alone ---- */

typedef struct {
  dnnl_primitive_t primitive;
  dnnl_stream_t stream;
  dnnl_exec_arg_t args[4];
  int n_args;
} Bare;

static dnnl_engine_t engine;

static void
must (dnnl_status_t status, const char *what)
{
  if (status != dnnl_success) {
    fprintf (stderr, "oneDNN: %s failed (%d)\n", what, (int) status);
    exit (1);
  }
}

static void
bare_argument (Bare *b, dnnl_primitive_desc_t desc, int arg)
{
  const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md (desc, dnnl_query_exec_arg_md, arg);
  b->args[b->n_args].arg = arg;
  must (dnnl_memory_create (&b->args[b->n_args].memory, md, engine, DNNL_MEMORY_ALLOCATE), "memory");
  void *data;
  must (dnnl_memory_get_data_handle (b->args[b->n_args++].memory, &data), "data handle");
  memset (data, 0, dnnl_memory_desc_get_size (md));
}

static Bare
bare_new (const AxConvShape *s, int pass)
{
  const int oh = ax_conv_out (s->h, s->kh, s->stride, s->pad), ow = ax_conv_out (s->w, s->kw, s->stride, s->pad);
  dnnl_memory_desc_t src, dst, wei;
  must (dnnl_memory_desc_init_by_tag (&src, 4, (dnnl_dims_t) { s->n, s->ic, s->h, s->w }, dnnl_f32, dnnl_format_tag_any), "md");
  must (dnnl_memory_desc_init_by_tag (&dst, 4, (dnnl_dims_t) { s->n, s->oc, oh, ow }, dnnl_f32, dnnl_format_tag_any), "md");
  must (dnnl_memory_desc_init_by_tag (&wei, 4, (dnnl_dims_t) { s->oc, s->ic, s->kh, s->kw }, dnnl_f32, dnnl_format_tag_any), "md");
  dnnl_dims_t strides = { s->stride, s->stride }, pad = { s->pad, s->pad };
  dnnl_convolution_desc_t op;
  dnnl_primitive_desc_t forward, desc;
  Bare b = { 0 };
  must (dnnl_convolution_forward_desc_init (&op, dnnl_forward_training, dnnl_convolution_direct, &src, &wei, NULL, &dst, strides, pad, pad), "desc");
  must (dnnl_primitive_desc_create (&forward, &op, NULL, engine, NULL), "primitive desc");
  desc = forward;
  if (pass == BACKWARD_DATA)
    must (dnnl_convolution_backward_data_desc_init (&op, dnnl_convolution_direct, &src, &wei, &dst, strides, pad, pad), "desc");
  else if (pass == BACKWARD_WEIGHTS)
    must (dnnl_convolution_backward_weights_desc_init (&op, dnnl_convolution_direct, &src, &wei, NULL, &dst, strides, pad, pad), "desc");
  if (pass != FORWARD)
    must (dnnl_primitive_desc_create (&desc, &op, NULL, engine, forward), "primitive desc");
  must (dnnl_primitive_create (&b.primitive, desc), "primitive");
  must (dnnl_stream_create (&b.stream, engine, dnnl_stream_default_flags), "stream");
  bare_argument (&b, desc, pass == BACKWARD_DATA ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC);
  bare_argument (&b, desc, pass == BACKWARD_WEIGHTS ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS);
  bare_argument (&b, desc, pass == FORWARD ? DNNL_ARG_DST : DNNL_ARG_DIFF_DST);
  if (desc != forward)
    dnnl_primitive_desc_destroy (desc);
  dnnl_primitive_desc_destroy (forward);
  return b;
}

static void
bare_clear (Bare *b)
{
  for (int i = 0; i < b->n_args; i++)
    dnnl_memory_destroy (b->args[i].memory);
  dnnl_stream_destroy (b->stream);
  dnnl_primitive_destroy (b->primitive);
}

/* oneDNN alone runs in a thread of its own: the OpenMP thread count belongs to a thread, and the kernels set it to one in theirs. */
typedef struct {
  const AxConvShape *s;
  int pass, threads;
  double budget, best;
} BareTask;

static void *
bare_main (void *data)
{
  BareTask *t = data;
  omp_set_num_threads (t->threads);
  Bare b = bare_new (t->s, t->pass);
  const double start = now ();
  t->best = 1e9;
  for (int i = 0; i < 3 || now () - start < t->budget; i++) {
    const double before = now ();
    must (dnnl_primitive_execute (b.primitive, b.stream, b.n_args, b.args), "execute");
    must (dnnl_stream_wait (b.stream), "wait");
    t->best = now () - before < t->best ? now () - before : t->best;
  }
  bare_clear (&b);
  return NULL;
}

static double
bare_time (const AxConvShape *s, int pass, int threads, double budget)
{
  BareTask task = { s, pass, threads, budget, 0 };
  pthread_t thread;
  if (pthread_create (&thread, NULL, bare_main, &task) != 0)
    abort ();
  pthread_join (thread, NULL);
  return task.best;
}

/* ---- ours ---- */

static double
our_time (const AxConvShape *s, int pass, double budget)
{
  const size_t oh = (size_t) ax_conv_out (s->h, s->kh, s->stride, s->pad), ow = (size_t) ax_conv_out (s->w, s->kw, s->stride, s->pad);
  const size_t in = (size_t) s->n * (size_t) s->h * (size_t) s->w * (size_t) s->ic, out = (size_t) s->n * oh * ow * (size_t) s->oc;
  const size_t weights = (size_t) s->oc * (size_t) s->ic * (size_t) s->kh * (size_t) s->kw;
  float *x = buffer (in), *y = buffer (out), *w = buffer (weights), *b = buffer ((size_t) s->oc), *dw = buffer (weights);
  AxConv *conv = ax_conv_new (s, pass == FORWARD, pass != FORWARD);
  if (!conv)
    abort ();
  ax_conv_set_weights (conv, w, NULL, b);
  const double start = now ();
  double best = 1e9;
  for (int i = 0; i < 3 || now () - start < budget; i++) {
    const double before = now ();
    if (pass == FORWARD)
      ax_conv_forward (conv, x, NULL, y);
    else if (pass == BACKWARD_DATA)
      ax_conv_backward_data (conv, y, x, false);
    else
      ax_conv_backward_weights (conv, x, y, dw, NULL);
    best = now () - before < best ? now () - before : best;
  }
  ax_conv_free (conv);
  free (x);
  free (y);
  free (w);
  free (b);
  free (dw);
  return best;
}

static void
measure (const char *name, int first_pass, int last_pass, int threads, bool verbose, double budget)
{
  double all_ours = 0, all_bare = 0, all_work = 0;
  for (int pass = first_pass; pass <= last_pass; pass++) {
    double ours = 0, bare = 0, work = 0;
    for (int i = 0; i < n_layers; i++) {
      const AxConvShape *s = &layers[i].s;
      if (pass == BACKWARD_DATA && s->ic == 1)
        continue; /* nobody asks for the gradient of the image */
      double t_ours = 1e9, t_bare = 1e9;
      for (int turn = 0; turn < 2; turn++) {
        double t = bare_time (s, pass, threads, budget / 2);
        t_bare = t < t_bare ? t : t_bare;
        t = our_time (s, pass, budget / 2);
        t_ours = t < t_ours ? t : t_ours;
      }
      const int oh = ax_conv_out (s->h, s->kh, s->stride, s->pad), ow = ax_conv_out (s->w, s->kw, s->stride, s->pad);
      const double flops = 2.0 * s->n * oh * ow * s->oc * s->ic * s->kh * s->kw;
      if (verbose)
        printf ("  %dx %4dx%-4d %4d->%-4d k%d s%d %-16s ours %8.3f ms %6.1f GFLOP/s, oneDNN %8.3f ms, ratio %.2f\n", layers[i].count, s->h, s->w, s->ic,
                s->oc, s->kh, s->stride, pass_names[pass], 1e3 * t_ours, 1e-9 * flops / t_ours, 1e3 * t_bare, t_ours / t_bare);
      ours += layers[i].count * t_ours;
      bare += layers[i].count * t_bare;
      work += layers[i].count * flops;
    }
    printf ("%s, %s: ours %.1f ms (%.1f GFLOP/s), oneDNN %.1f ms, ratio %.2f\n", name, pass_names[pass], 1e3 * ours, 1e-9 * work / ours, 1e3 * bare,
            ours / bare);
    fflush (stdout);
    all_ours += ours;
    all_bare += bare;
    all_work += work;
  }
  if (last_pass > first_pass)
    printf ("%s, all: ours %.1f ms (%.1f GFLOP/s), oneDNN %.1f ms, ratio %.2f\n", name, 1e3 * all_ours, 1e-9 * all_work / all_ours, 1e3 * all_bare,
            all_ours / all_bare);
}

int
main (int argc, char **argv)
{
  bool verbose = argc > 1 && strcmp (argv[argc - 1], "-v") == 0;
  int threads = argc > 1 && atoi (argv[1]) > 0 ? atoi (argv[1]) : ax_physical_cores ();
  ax_isa (); /* ANATOMIX_ISA limits both sides */
  ax_threads_set (threads);
  must (dnnl_engine_create (&engine, dnnl_cpu, 0), "engine");
  printf ("%s, %d threads\n", ax_isa_name (ax_isa ()), threads);
  network (18, 1, 512);
  measure ("ResNet-18 512x512 batch 1", FORWARD, FORWARD, threads, verbose, 0.2);
  network (50, 1, 1024);
  measure ("ResNet-50 1024x1024 batch 1", FORWARD, FORWARD, threads, verbose, 0.2);
  network (18, 16, 256);
  measure ("ResNet-18 256x256 batch 16", FORWARD, BACKWARD_WEIGHTS, threads, verbose, 0.4);
  return 0;
}
