/* ops_cache.h: one key head's keys and values, in a storage type, against the queries that share it (contracts: table.h).
 *
 * Keys: a key is widened once and multiplied by up to four queries. Values: four queries by two vectors of columns stay in registers while the keys go by.
 * The storage type and the number of queries are constants after inlining. */

/* Elements [i, i + VN) of a row, or the first n of them. */
VI vf
cache_load (AxKvType type, const void *row, size_t i, size_t n)
{
  if (type == AX_KV_F32)
    return n >= VN ? v_load ((const float *) row + i) : v_load_n ((const float *) row + i, n);
  const uint16_t *p = (const uint16_t *) row + i;
  uint16_t part[VN] = { 0 };
  if (n < VN) { /* nothing may be read past the last row */
    memcpy (part, p, n * sizeof *p);
    p = part;
  }
  return type == AX_KV_F16 ? v_load_f16_n (p, VN) : v_load_bf16 (p);
}

VI const void *
cache_row (AxKvType type, const void *data, size_t at)
{
  return type == AX_KV_F32 ? (const void *) ((const float *) data + at) : (const void *) ((const uint16_t *) data + at);
}

VI void
scores_of (AxKvType type, size_t group, size_t n, size_t hd, const float *q, const void *k, size_t ldk, float scale, float *scores, size_t lds)
{
  for (size_t j = 0; j < n; j++) {
    const void *row = cache_row (type, k, j * ldk);
    vf s0 = v_set (0), s1 = s0, s2 = s0, s3 = s0;
    V_FOR (i, hd) {
      const vf key = cache_load (type, row, i, v_left);
      s0 = v_fma (V_LOAD (q + i), key, s0);
      if (group > 1)
        s1 = v_fma (V_LOAD (q + hd + i), key, s1);
      if (group > 2)
        s2 = v_fma (V_LOAD (q + 2 * hd + i), key, s2);
      if (group > 3)
        s3 = v_fma (V_LOAD (q + 3 * hd + i), key, s3);
    }
    scores[j] = scale * v_sum (s0);
    if (group > 1)
      scores[lds + j] = scale * v_sum (s1);
    if (group > 2)
      scores[2 * lds + j] = scale * v_sum (s2);
    if (group > 3)
      scores[3 * lds + j] = scale * v_sum (s3);
  }
}

VI void
scores_of_type (AxKvType type, size_t n, size_t hd, size_t group, const float *q, const void *k, size_t ldk, float scale, float *scores, size_t lds)
{
  for (; group >= 4; group -= 4, q += 4 * hd, scores += 4 * lds)
    scores_of (type, 4, n, hd, q, k, ldk, scale, scores, lds);
  for (; group > 0; group--, q += hd, scores += lds)
    scores_of (type, 1, n, hd, q, k, ldk, scale, scores, lds);
}

static void
op_cache_scores (AxKvType type, size_t n, size_t hd, size_t group, const float *q, const void *k, size_t ldk, float scale, float *scores, size_t lds)
{
  if (type == AX_KV_F16)
    scores_of_type (AX_KV_F16, n, hd, group, q, k, ldk, scale, scores, lds);
  else if (type == AX_KV_BF16)
    scores_of_type (AX_KV_BF16, n, hd, group, q, k, ldk, scale, scores, lds);
  else
    scores_of_type (AX_KV_F32, n, hd, group, q, k, ldk, scale, scores, lds);
}

/* `wide` vectors of columns from i on (the last of `left` elements only, when wide is 1). */
VI void
values_of (AxKvType type, size_t group, size_t wide, size_t left, size_t n, const float *p, size_t lds, const void *v, size_t ldv, size_t i, float *out, size_t ldo)
{
  vf sum[4][2];
  for (size_t h = 0; h < group; h++)
    for (size_t w = 0; w < wide; w++)
      sum[h][w] = left >= VN ? v_load (out + h * ldo + w * VN) : v_load_n (out + h * ldo, left);
  for (size_t j = 0; j < n; j++) {
    const void *row = cache_row (type, v, j * ldv);
    const vf a = cache_load (type, row, i, left), b = wide > 1 ? cache_load (type, row, i + VN, VN) : a;
    for (size_t h = 0; h < group; h++) {
      const vf share = v_set (p[h * lds + j]);
      sum[h][0] = v_fma (share, a, sum[h][0]);
      if (wide > 1)
        sum[h][1] = v_fma (share, b, sum[h][1]);
    }
  }
  for (size_t h = 0; h < group; h++)
    for (size_t w = 0; w < wide; w++)
      if (left >= VN)
        v_store (out + h * ldo + w * VN, sum[h][w]);
      else
        v_store_n (out + h * ldo, left, sum[h][w]);
}

VI void
values_of_group (AxKvType type, size_t group, size_t n, size_t hd, const float *p, size_t lds, const void *v, size_t ldv, float *out, size_t ldo)
{
  size_t i = 0;
  for (; i + 2 * VN <= hd; i += 2 * VN)
    values_of (type, group, 2, VN, n, p, lds, v, ldv, i, out + i, ldo);
  for (; i < hd; i += VN)
    values_of (type, group, 1, hd - i < VN ? hd - i : VN, n, p, lds, v, ldv, i, out + i, ldo);
}

VI void
values_of_type (AxKvType type, size_t n, size_t hd, size_t group, const float *p, size_t lds, const void *v, size_t ldv, float *out, size_t ldo)
{
  for (; group >= 4; group -= 4, p += 4 * lds, out += 4 * ldo)
    values_of_group (type, 4, n, hd, p, lds, v, ldv, out, ldo);
  for (; group > 0; group--, p += lds, out += ldo)
    values_of_group (type, 1, n, hd, p, lds, v, ldv, out, ldo);
}

static void
op_cache_values (AxKvType type, size_t n, size_t hd, size_t group, const float *p, size_t lds, const void *v, size_t ldv, float *out, size_t ldo)
{
  if (type == AX_KV_F16)
    values_of_type (AX_KV_F16, n, hd, group, p, lds, v, ldv, out, ldo);
  else if (type == AX_KV_BF16)
    values_of_type (AX_KV_BF16, n, hd, group, p, lds, v, ldv, out, ldo);
  else
    values_of_type (AX_KV_F32, n, hd, group, p, lds, v, ldv, out, ldo);
}
