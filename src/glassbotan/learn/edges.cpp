// The perceptron of every edge on a CPU, forward and backward, in one pass over the edges.
//
//     y = relu(W_2 relu(W_1 x + c + s[sender] + r[receiver]) + b_2)
//
// A thread works on the edges of some particles, CHUNK edges at a time, whose intermediate values stay in its cache.
// Edges are stored as floats or as bfloat16 numbers (the upper half of a float), and everything is computed in floats.
// Every product of matrices is a sum over one index of a number times a row of a matrix (`multiply`), whose results stay
// in registers. Sums over the edges of a part are added in their order. Processors with AVX512_BF16 multiply two pairs of
// bfloat16 numbers at once (`multiply_pairs`): with BFLOAT16_DOTS, products of edges that are stored as bfloat16 numbers
// with weights are computed so, and only sums over edges in floats.

#if defined(__AVX512F__)
constexpr int LANES = 16;
constexpr int COLUMNS = 4; // vectors of a row that are computed together: with ROWS rows, they fill the registers
#elif defined(__AVX2__)
constexpr int LANES = 8;
constexpr int COLUMNS = 2;
#else
constexpr int LANES = 4;
constexpr int COLUMNS = 2;
#endif
constexpr int ROWS = 6;
constexpr int CHUNK = 144;
constexpr int WIDEST = 128;

typedef float Vector __attribute__((vector_size(4 * LANES), aligned(4)));
typedef unsigned Bits __attribute__((vector_size(4 * LANES), aligned(4)));
typedef unsigned short Halves __attribute__((vector_size(2 * LANES), aligned(2)));
typedef unsigned short bfloat16;
typedef unsigned __attribute__((may_alias)) Pair; // two bfloat16 numbers
#define INLINE static inline __attribute__((always_inline))

INLINE Vector &at(float *p) { return *(Vector *)p; }
INLINE Vector at(const float *p) { return *(const Vector *)p; }

INLINE Vector load(const float *p) { return at(p); }
INLINE Vector load(const bfloat16 *p) {
    return (Vector)(__builtin_convertvector(*(const Halves *)p, Bits) << 16);
}
INLINE void store(float *p, Vector v) { at(p) = v; }
INLINE void store(bfloat16 *p, Vector v) {
    const Bits bits = (Bits)v;
    *(Halves *)p = __builtin_convertvector((bits + 0x7fff + ((bits >> 16) & 1)) >> 16, Halves); // to the nearest, or even
}
INLINE float number(const bfloat16 *p) {
    union {
        unsigned bits;
        float value;
    } found = {(unsigned)*p << 16};
    return found.value;
}
INLINE Vector positive(Vector sign, Vector v) { return sign > 0 ? v : Vector{}; }

// out[r, :] (+)= sum_l a[r, l] m[l, :] for R rows and C vectors of columns; a[r, l] is at a[r step_r + l step_l].
template <int R, int C>
INLINE void block(const float *a, long step_r, long step_l, int length, const float *m, int ld_m, float *out, int ld_out,
                  bool add) {
    Vector sums[R][C];
    for (int r = 0; r < R; ++r)
        for (int c = 0; c < C; ++c)
            sums[r][c] = add ? at(out + r * ld_out + c * LANES) : Vector{};
    for (int l = 0; l < length; ++l) {
        Vector row[C];
        for (int c = 0; c < C; ++c)
            row[c] = at(m + l * ld_m + c * LANES);
        for (int r = 0; r < R; ++r) {
            const float factor = a[r * step_r + l * step_l];
            for (int c = 0; c < C; ++c)
                sums[r][c] += factor * row[c];
        }
    }
    for (int r = 0; r < R; ++r)
        for (int c = 0; c < C; ++c)
            at(out + r * ld_out + c * LANES) = sums[r][c];
}

template <int C>
static void rows(int n, const float *a, long step_r, long step_l, int length, const float *m, int ld_m, float *out,
                 int ld_out, bool add) {
    int r = 0;
    for (; r + ROWS <= n; r += ROWS)
        block<ROWS, C>(a + r * step_r, step_r, step_l, length, m, ld_m, out + r * ld_out, ld_out, add);
    for (; r < n; ++r)
        block<1, C>(a + r * step_r, step_r, step_l, length, m, ld_m, out + r * ld_out, ld_out, add);
}

// The same for n rows and `width` columns, a multiple of LANES.
static void multiply(int n, const float *a, long step_r, long step_l, int length, const float *m, int ld_m, float *out,
                     int ld_out, int width, bool add) {
    int c = 0;
    for (; c + COLUMNS * LANES <= width; c += COLUMNS * LANES)
        rows<COLUMNS>(n, a, step_r, step_l, length, m + c, ld_m, out + c, ld_out, add);
    for (; c < width; c += LANES)
        rows<1>(n, a, step_r, step_l, length, m + c, ld_m, out + c, ld_out, add);
}

#if defined(BFLOAT16_DOTS) && defined(__AVX512F__)
#include <immintrin.h>
#define DOTS __attribute__((target("avx512f,avx512bf16")))
constexpr bool HAS_DOTS = true;

// out[r, :] (+)= sum_l a[r, l] m[l, :] for R rows and C vectors of columns; a row of `a` has `pairs` pairs of numbers, and
// m[p, c] holds the numbers of column c in rows 2 p and 2 p + 1.
template <int R, int C>
DOTS INLINE void block_of_pairs(const Pair *a, long step_r, int pairs, const unsigned *m, int ld, float *out,
                                bool add) {
    __m512 sums[R][C];
    for (int r = 0; r < R; ++r)
        for (int c = 0; c < C; ++c)
            sums[r][c] = add ? _mm512_loadu_ps(out + r * ld + c * LANES) : _mm512_setzero_ps();
    for (int p = 0; p < pairs; ++p) {
        __m512i row[C];
        for (int c = 0; c < C; ++c)
            row[c] = _mm512_loadu_si512(m + p * ld + c * LANES);
        for (int r = 0; r < R; ++r) {
            const __m512i factor = _mm512_set1_epi32((int)a[r * step_r + p]);
            for (int c = 0; c < C; ++c)
                sums[r][c] = _mm512_dpbf16_ps(sums[r][c], (__m512bh)factor, (__m512bh)row[c]);
        }
    }
    for (int r = 0; r < R; ++r)
        for (int c = 0; c < C; ++c)
            _mm512_storeu_ps(out + r * ld + c * LANES, sums[r][c]);
}

template <int C>
DOTS static void rows_of_pairs(int n, const Pair *a, int pairs, const unsigned *m, int ld, float *out, bool add) {
    int r = 0;
    for (; r + ROWS <= n; r += ROWS)
        block_of_pairs<ROWS, C>(a + (long)r * pairs, pairs, pairs, m, ld, out + r * ld, add);
    for (; r < n; ++r)
        block_of_pairs<1, C>(a + (long)r * pairs, pairs, pairs, m, ld, out + r * ld, add);
}
#else
constexpr bool HAS_DOTS = false;
#endif

// out (+)= a m for n rows of `length` bfloat16 numbers, a multiple of 2, and a matrix from `packed` with `width` columns.
static void multiply_pairs(int n, const bfloat16 *a, int length, const unsigned *m, float *out, int width, bool add) {
#if defined(BFLOAT16_DOTS) && defined(__AVX512F__)
    int c = 0;
    for (; c + COLUMNS * LANES <= width; c += COLUMNS * LANES)
        rows_of_pairs<COLUMNS>(n, (const Pair *)a, length / 2, m + c, width, out + c, add);
    for (; c < width; c += LANES)
        rows_of_pairs<1>(n, (const Pair *)a, length / 2, m + c, width, out + c, add);
#endif
}

// The matrix m (length, width) as pairs of bfloat16 numbers, one row for every two.
static void packed(const float *m, int length, int width, unsigned *out) {
    for (int l = 0; l + 1 < length; l += 2)
        for (int c = 0; c < width; c += LANES) {
            bfloat16 even[LANES], odd[LANES];
            store(even, at(m + l * width + c));
            store(odd, at(m + (l + 1) * width + c));
            for (int i = 0; i < LANES; ++i)
                out[l / 2 * width + c + i] = even[i] | (unsigned)odd[i] << 16;
        }
}

INLINE void to_halves(const float *x, int count, bfloat16 *out) {
    for (int i = 0; i < count; i += LANES)
        store(out + i, at(x + i));
}

// The arrays of a call. Rows are contiguous; W is `width`, K is `inputs`. Arrays over edges (n_e, ...) are of the type S,
// float or bfloat16. Pointers can be null where it says so.
struct Edges {
    int width, inputs, constant_per_edge;
    int halves;                 // whether S is bfloat16
    int exact_inputs;           // whether x is of floats, whatever S is
    const void *x;              // (n_e, K)
    const float *first;         // (W, K), W_1
    const float *first_t;       // (K, W)
    const void *constant;       // (n_e, W), or (W,) floats
    const float *second;        // (W, W), W_2
    const float *second_t;      // (W, W), transposed
    const float *bias;          // (W,)
    const int *sender;          // (n_e,)
    const int *receiver;        // (n_e,)
    const float *from_sender;   // (N, W) or null
    const float *from_receiver; // (N, W) or null
    void *y;                    // (n_e, W)
    float *incoming;            // (N, W), sums of y over the edges of each receiver, or null
    const void *dy;             // (n_e, W) or null
    const float *d_incoming;    // (N, W) or null
    void *dx;                   // (n_e, K) or null
    void *d_constant;           // (n_e, W), to which the derivative is added if `adds`, or null
    float *d_receiver;          // (N, W) or null
    int adds;
};

// n rows of x as floats: where they are, or copied to `buffer`.
INLINE const float *as_floats(const float *x, int, float *) { return x; }
INLINE const float *as_floats(const bfloat16 *x, int count, float *buffer) {
    int i = 0;
    for (; i + LANES <= count; i += LANES)
        at(buffer + i) = load(x + i);
    for (; i < count; ++i)
        buffer[i] = number(x + i);
    return buffer;
}

// n rows of x from row `from` as floats.
template <class S> INLINE const float *rows_of_x(const Edges &e, long from, int n, float *buffer) {
    const long begin = from * e.inputs;
    return e.exact_inputs ? (const float *)e.x + begin : as_floats((const S *)e.x + begin, n * e.inputs, buffer);
}

// Whether products with weights are computed from pairs of bfloat16 numbers.
template <class S> INLINE bool by_pairs(const Edges &e) {
    return HAS_DOTS && sizeof(S) == sizeof(bfloat16) && !e.exact_inputs && e.inputs % LANES == 0;
}

// The output of the first layer of n edges that begin at `begin`, from their x as floats; `first_pairs` is W_1^T from
// `packed`, if products are computed from pairs.
template <class S>
static void hidden_layer(const Edges &e, long begin, int n, const float *x, const unsigned *first_pairs, float *hidden) {
    const int w = e.width;
    for (int i = 0; i < n; ++i) {
        float *out = hidden + i * w;
        if (e.constant_per_edge) {
            const S *constant = (const S *)e.constant + (begin + i) * w;
            for (int c = 0; c < w; c += LANES)
                at(out + c) = load(constant + c);
        } else
            for (int c = 0; c < w; c += LANES)
                at(out + c) = at((const float *)e.constant + c);
        if (e.from_sender) {
            const float *s = e.from_sender + (long)e.sender[begin + i] * w;
            const float *r = e.from_receiver + (long)e.receiver[begin + i] * w;
            for (int c = 0; c < w; c += LANES)
                at(out + c) += at(s + c) + at(r + c);
        }
    }
    if (by_pairs<S>(e))
        multiply_pairs(n, (const bfloat16 *)e.x + begin * e.inputs, e.inputs, first_pairs, hidden, w, true);
    else
        multiply(n, x, e.inputs, 1, e.inputs, e.first_t, w, hidden, w, w, true);
    for (int i = 0; i < n * w; i += LANES)
        at(hidden + i) = positive(at(hidden + i), at(hidden + i));
}

template <class S> static void forward(const Edges &e, long begin, long end) {
    const int w = e.width;
    float hidden[CHUNK * WIDEST], output[CHUNK * WIDEST], inputs[CHUNK * WIDEST];
    unsigned first_pairs[WIDEST * WIDEST / 2], second_pairs[WIDEST * WIDEST / 2];
    bfloat16 rounded[CHUNK * WIDEST];
    const bool pairs = by_pairs<S>(e);
    if (pairs) {
        packed(e.first_t, e.inputs, w, first_pairs);
        packed(e.second_t, w, w, second_pairs);
    }
    for (long from = begin; from < end; from += CHUNK) {
        const int n = from + CHUNK < end ? CHUNK : (int)(end - from);
        hidden_layer<S>(e, from, n, pairs ? nullptr : rows_of_x<S>(e, from, n, inputs), first_pairs, hidden);
        for (int i = 0; i < n; ++i)
            for (int c = 0; c < w; c += LANES)
                at(output + i * w + c) = at(e.bias + c);
        if (pairs) {
            to_halves(hidden, n * w, rounded);
            multiply_pairs(n, rounded, w, second_pairs, output, w, true);
        } else
            multiply(n, hidden, w, 1, w, e.second_t, w, output, w, w, true);
        S *y = (S *)e.y + from * w;
        for (int i = 0; i < n; ++i) {
            float *sum = e.incoming ? e.incoming + (long)e.receiver[from + i] * w : nullptr;
            for (int c = 0; c < w; c += LANES) {
                const Vector v = positive(at(output + i * w + c), at(output + i * w + c));
                store(y + i * w + c, v);
                if (sum)
                    at(sum + c) += v;
            }
        }
    }
}

template <class S>
static void backward(const Edges &e, long begin, long end, float *d_first_t, float *d_second, float *d_bias,
                     float *d_shift, float *d_sender) {
    const int w = e.width, k = e.inputs;
    float hidden[CHUNK * WIDEST], d2[CHUNK * WIDEST], d1[CHUNK * WIDEST], inputs[CHUNK * WIDEST];
    unsigned first_t_pairs[WIDEST * WIDEST / 2], first_pairs[WIDEST * WIDEST / 2], second_pairs[WIDEST * WIDEST / 2];
    bfloat16 rounded[CHUNK * WIDEST];
    const bool pairs = by_pairs<S>(e);
    if (pairs) {
        packed(e.first_t, k, w, first_t_pairs);
        packed(e.first, w, k, first_pairs);
        packed(e.second, w, w, second_pairs);
    }
    for (long from = begin; from < end; from += CHUNK) {
        const int n = from + CHUNK < end ? CHUNK : (int)(end - from);
        const float *x = rows_of_x<S>(e, from, n, inputs);
        hidden_layer<S>(e, from, n, x, first_t_pairs, hidden);
        for (int i = 0; i < n; ++i) {
            const S *y = (const S *)e.y + (from + i) * w;
            const S *dy = e.dy ? (const S *)e.dy + (from + i) * w : nullptr;
            const float *into = e.d_incoming ? e.d_incoming + (long)e.receiver[from + i] * w : nullptr;
            for (int c = 0; c < w; c += LANES) {
                Vector d = dy ? load(dy + c) : Vector{};
                if (into)
                    d += at(into + c);
                d = positive(load(y + c), d);
                at(d2 + i * w + c) = d;
                at(d_bias + c) += d;
            }
        }
        multiply(w, d2, 1, w, n, hidden, w, d_second, w, w, true); // d_second[o, h] += sum_i d2[i, o] hidden[i, h]
        if (pairs) {
            to_halves(d2, n * w, rounded);
            multiply_pairs(n, rounded, w, second_pairs, d1, w, false);
        } else
            multiply(n, d2, w, 1, w, e.second, w, d1, w, w, false);
        for (int i = 0; i < n; ++i) {
            float *to_receiver = e.d_receiver ? e.d_receiver + (long)e.receiver[from + i] * w : nullptr;
            float *to_sender = d_sender ? d_sender + (long)e.sender[from + i] * w : nullptr;
            S *constant = e.d_constant ? (S *)e.d_constant + (from + i) * w : nullptr;
            for (int c = 0; c < w; c += LANES) {
                const Vector d = positive(at(hidden + i * w + c), at(d1 + i * w + c));
                at(d1 + i * w + c) = d;
                at(d_shift + c) += d;
                if (to_receiver)
                    at(to_receiver + c) += d;
                if (to_sender)
                    at(to_sender + c) += d;
                if (constant)
                    store(constant + c, e.adds ? load(constant + c) + d : d);
            }
        }
        multiply(k, x, 1, k, n, d1, w, d_first_t, w, w, true); // d_first_t[j, o] += sum_i x[i, j] d1[i, o]
        if (e.dx) {
            float *out = hidden; // which is no longer needed
            if (pairs) {
                to_halves(d1, n * w, rounded);
                multiply_pairs(n, rounded, w, first_pairs, out, k, false);
            } else
                multiply(n, d1, w, 1, w, e.first, k, out, k, k, false);
            S *dx = (S *)e.dx + from * k;
            for (int i = 0; i < n * k; i += LANES)
                store(dx + i, at(out + i));
        }
    }
}

// Edges `begin` to `end`; with `incoming`, all edges of some receivers, whose sums begin at 0.
extern "C" void glassbotan_edges_forward(const Edges *e, long begin, long end) {
    e->halves ? forward<bfloat16>(*e, begin, end) : forward<float>(*e, begin, end);
}

// Derivatives for edges `begin` to `end`. Those of the weights are added to d_first_t (K, W), d_second (W, W) and d_bias
// (W,), those of the values before the first ReLU to d_shift (W,), and those of the values of senders to d_sender (N, W),
// which can be null.
extern "C" void glassbotan_edges_backward(const Edges *e, long begin, long end, float *d_first_t, float *d_second,
                                          float *d_bias, float *d_shift, float *d_sender) {
    e->halves ? backward<bfloat16>(*e, begin, end, d_first_t, d_second, d_bias, d_shift, d_sender)
              : backward<float>(*e, begin, end, d_first_t, d_second, d_bias, d_shift, d_sender);
}
