/* ops_table.h: gathers the kernels into the table of one instruction set. Included once by each table_*.c, which sets VEC_LEVEL, VEC_ISA and
 * VEC_TABLE. */
#include "kernels/cpu/table.h"
#include "kernels/cpu/vec.h"

#include "kernels/cpu/ops_elements.h"
#include "kernels/cpu/ops_rows.h"
#include "kernels/cpu/ops_batchnorm.h"
#include "kernels/cpu/ops_maxpool.h"
#include "kernels/cpu/ops_convert.h"
#include "kernels/cpu/ops_lm.h"
#include "kernels/cpu/ops_qmatrix.h"
#include "kernels/cpu/ops_cache.h"

const AxKernelTable VEC_TABLE = {
  .isa = VEC_ISA,
  .add = op_add,
  .axpy = op_axpy,
  .scale = op_scale,
  .add_rows = op_add_rows,
  .act_forward = op_act_forward,
  .act_backward = op_act_backward,
  .bias_act = op_bias_act,
  .dropout = op_dropout,
  .sigmoid = op_sigmoid,
  .sum_squares = op_sum_squares,
  .column_sums = op_column_sums,
  .adamw = op_adamw,
  .layernorm_forward = op_layernorm_forward,
  .layernorm_backward = op_layernorm_backward,
  .softmax_forward = op_softmax_forward,
  .softmax_backward = op_softmax_backward,
  .l2norm_forward = op_l2norm_forward,
  .l2norm_backward = op_l2norm_backward,
  .batchnorm_sums = op_batchnorm_sums,
  .batchnorm_apply = op_batchnorm_apply,
  .batchnorm_grad_sums = op_batchnorm_grad_sums,
  .batchnorm_grad_apply = op_batchnorm_grad_apply,
  .maxpool_forward = op_maxpool_forward,
  .maxpool_backward = op_maxpool_backward,
  .rmsnorm_forward = op_rmsnorm_forward,
  .rmsnorm_backward = op_rmsnorm_backward,
  .rope = op_rope,
  .gated_gelu_forward = op_gated_gelu_forward,
  .gated_gelu_backward = op_gated_gelu_backward,
  .max_value = op_max_value,
  .sum_exp = op_sum_exp,
  .softmax_scaled = op_softmax_scaled,
  .dot = op_dot,
  .span_softmax = op_span_softmax,
  .span_gradient = op_span_gradient,
  .cache_scores = op_cache_scores,
  .cache_values = op_cache_values,
  .q8_pack = op_q8_pack,
  .q8_unpack = op_q8_unpack,
  .q8_dots = op_q8_dots,
  .bf16_dot = op_bf16_dot,
  .q8_split = op_q8_split,
  .q8_join = op_q8_join,
  .q8_screen = op_q8_screen,
  .f16_to_f32 = op_f16_to_f32,
  .f32_to_f16 = op_f32_to_f16,
  .bf16_to_f32 = op_bf16_to_f32,
  .f32_to_bf16 = op_f32_to_bf16,
  .fma_rounds = op_fma_rounds,
};
