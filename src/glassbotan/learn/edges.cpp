// The perceptron of every edge on a CPU, forward and backward, in one pass over the edges.
//
//     y = relu(W_2 relu(W_1 x + c + s[sender] + r[receiver]) + b_2),
//
// A thread works on the edges of some particles, CHUNK edges at a time, whose intermediate values stay in its cache.
// Every product of matrices is a sum over one index of a number times a row of a matrix (`multiply`), whose results
// stay in registers. Sums over edges are added in their order, so that results do not depend on the number of threads.

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
constexpr int CHUNK = 48;
constexpr int WIDEST = 128;

typedef float Vector __attribute__((vector_size(4 * LANES), aligned(4)));
#define INLINE static inline __attribute__((always_inline))

INLINE Vector &at(float *p) { return *(Vector *)p; }
INLINE Vector at(const float *p) { return *(const Vector *)p; }

// out[r, :] (+)= sum_l a[r, l] m[l, :] for R rows and C vectors of columns; a[r, l] is at a[r step_r + l step_l].
template <int R, int C>
INLINE void block(const float *a, long step_r, long step_l, int length, const float *m, int ld_m, float *out, long ld_out, bool add) {
    Vector sums[R][C];
    for (int r = 0; r < R; ++r)
        for (int c = 0; c < C; ++c)
            sums[r][c] = add ? at(out + r * ld_out + c * LANES) : Vector{};
    for (int l = 0; l < length; ++l) {
        Vector row[C];
        for (int c = 0; c < C; ++c)
            row[c] = at(m + (long)l * ld_m + c * LANES);
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
static void rows(int n, const float *a, long step_r, long step_l, int length, const float *m, int ld_m, float *out, long ld_out, bool add) {
    int r = 0;
    for (; r + ROWS <= n; r += ROWS)
        block<ROWS, C>(a + r * step_r, step_r, step_l, length, m, ld_m, out + r * ld_out, ld_out, add);
    for (; r < n; ++r)
        block<1, C>(a + r * step_r, step_r, step_l, length, m, ld_m, out + r * ld_out, ld_out, add);
}

// The same for n rows and `width` columns, a multiple of LANES.
static void multiply(int n, const float *a, long step_r, long step_l, int length, const float *m, int ld_m, float *out, long ld_out, int width, bool add) {
    int c = 0;
    for (; c + COLUMNS * LANES <= width; c += COLUMNS * LANES)
        rows<COLUMNS>(n, a, step_r, step_l, length, m + c, ld_m, out + c, ld_out, add);
    for (; c < width; c += LANES)
        rows<1>(n, a, step_r, step_l, length, m + c, ld_m, out + c, ld_out, add);
}

// The arrays of a call. Rows are contiguous; W is `width`, K is `inputs`, and pointers can be null where it says so.
struct Edges {
    int width, inputs, constant_per_edge;
    const float *x;             // (n_e, K)
    const float *first;         // (W, K), W_1
    const float *first_t;       // (K, W)
    const float *constant;      // (n_e, W) or (W,)
    const float *second;        // (W, W), W_2
    const float *second_t;      // (W, W), transposed
    const float *bias;          // (W,)
    const int *sender;          // (n_e,)
    const int *receiver;        // (n_e,)
    const float *from_sender;   // (N, W) or null
    const float *from_receiver; // (N, W) or null
    float *y;                   // (n_e, W)
    float *incoming;            // (N, W), sums of y over the edges of each receiver, or null
    const float *dy;            // (n_e, W) or null
    const float *d_incoming;    // (N, W) or null
    float *dx;                  // (n_e, K) or null
    float *d_before;            // (n_e, W)
    float *d_receiver;          // (N, W) or null
};

// The output of the first layer of n edges that begin at `begin`.
static void hidden_layer(const Edges &e, long begin, int n, float *hidden) {
    const int w = e.width;
    for (int i = 0; i < n; ++i) {
        const float *constant = e.constant + (e.constant_per_edge ? (begin + i) * w : 0);
        float *out = hidden + i * w;
        if (e.from_sender) {
            const float *s = e.from_sender + (long)e.sender[begin + i] * w, *r = e.from_receiver + (long)e.receiver[begin + i] * w;
            for (int c = 0; c < w; c += LANES)
                at(out + c) = at(constant + c) + at(s + c) + at(r + c);
        } else
            for (int c = 0; c < w; c += LANES)
                at(out + c) = at(constant + c);
    }
    multiply(n, e.x + begin * e.inputs, e.inputs, 1, e.inputs, e.first_t, w, hidden, w, w, true);
    for (int i = 0; i < n * w; i += LANES) {
        const Vector v = at(hidden + i);
        at(hidden + i) = v > 0 ? v : Vector{};
    }
}

extern "C" int glassbotan_edges_lanes() { return LANES; }

// Edges `begin` to `end`; with `incoming`, all edges of some receivers, whose sums begin at 0.
extern "C" void glassbotan_edges_forward(const Edges *given, long begin, long end) {
    const Edges &e = *given;
    const int w = e.width;
    float hidden[CHUNK * WIDEST];
    for (long from = begin; from < end; from += CHUNK) {
        const int n = from + CHUNK < end ? CHUNK : (int)(end - from);
        hidden_layer(e, from, n, hidden);
        float *y = e.y + from * w;
        for (int i = 0; i < n; ++i)
            for (int c = 0; c < w; c += LANES)
                at(y + i * w + c) = at(e.bias + c);
        multiply(n, hidden, w, 1, w, e.second_t, w, y, w, w, true);
        for (int i = 0; i < n; ++i) {
            float *sum = e.incoming ? e.incoming + (long)e.receiver[from + i] * w : nullptr;
            for (int c = 0; c < w; c += LANES) {
                Vector v = at(y + i * w + c);
                v = v > 0 ? v : Vector{};
                at(y + i * w + c) = v;
                if (sum)
                    at(sum + c) += v;
            }
        }
    }
}

// Derivatives for edges `begin` to `end`: those of the weights are added to d_first_t (K, W), d_second_t (W, W) and d_bias (W,).
extern "C" void glassbotan_edges_backward(const Edges *given, long begin, long end, float *d_first_t, float *d_second, float *d_bias) {
    const Edges &e = *given;
    const int w = e.width, k = e.inputs;
    float hidden[CHUNK * WIDEST], d2[CHUNK * WIDEST];
    for (long from = begin; from < end; from += CHUNK) {
        const int n = from + CHUNK < end ? CHUNK : (int)(end - from);
        hidden_layer(e, from, n, hidden);
        for (int i = 0; i < n; ++i) {
            const float *y = e.y + (from + i) * w;
            const float *dy = e.dy ? e.dy + (from + i) * w : nullptr;
            const float *into = e.d_incoming ? e.d_incoming + (long)e.receiver[from + i] * w : nullptr;
            for (int c = 0; c < w; c += LANES) {
                Vector d = dy ? at(dy + c) : Vector{};
                if (into)
                    d += at(into + c);
                d = at(y + c) > 0 ? d : Vector{};
                at(d2 + i * w + c) = d;
                at(d_bias + c) += d;
            }
        }
        multiply(w, d2, 1, w, n, hidden, w, d_second, w, w, true); // d_second[o, h] += sum_i d2[i, o] hidden[i, h]
        float *d1 = e.d_before + from * w;
        multiply(n, d2, w, 1, w, e.second, w, d1, w, w, false);
        for (int i = 0; i < n; ++i) {
            float *sum = e.d_receiver ? e.d_receiver + (long)e.receiver[from + i] * w : nullptr;
            for (int c = 0; c < w; c += LANES) {
                Vector d = at(d1 + i * w + c);
                d = at(hidden + i * w + c) > 0 ? d : Vector{};
                at(d1 + i * w + c) = d;
                if (sum)
                    at(sum + c) += d;
            }
        }
        multiply(k, e.x + from * k, 1, k, n, d1, w, d_first_t, w, w, true); // d_first_t[j, o] += sum_i x[i, j] d1[i, o]
        if (e.dx)
            multiply(n, d1, w, 1, w, e.first, k, e.dx + from * k, k, k, false);
    }
}

// Sums of rows of values (n_e, W): for each particle from `begin` to `end` over the rows reverse[first[i]] ... reverse[first[i + 1] - 1].
extern "C" void glassbotan_edges_sum(const float *values, const int *rows_of, const long *first, int width, long begin, long end, float *sums) {
    for (long i = begin; i < end; ++i) {
        float *out = sums + i * width;
        for (int c = 0; c < width; c += LANES)
            at(out + c) = Vector{};
        for (long e = first[i]; e < first[i + 1]; ++e) {
            const float *row = values + (long)rows_of[e] * width;
            for (int c = 0; c < width; c += LANES)
                at(out + c) += at(row + c);
        }
    }
}
