// Numbers that are computed with together: a vector of the processor on a CPU, one number in each thread on a GPU.
//
// F is `WIDTH` floats, I is `WIDTH` 32-bit integers and M the result of comparing two of them. On a CPU they are
// vectors of the compiler (clang or gcc), and intrinsics serve only where the compiler's vectors have no word:
// reciprocal square roots, the positions of particles that are scattered in memory, and the packing of those that pass
// a test.
#pragma once

using uint16 = unsigned short;
using int32 = int;
using uint32 = unsigned int;
using int64 = long long;
using uint64 = unsigned long long;

#if defined(__CUDACC__)

#define INLINE static __device__ __forceinline__
#define INLINE_MEMBER __device__ __forceinline__
// How often a loop is unrolled: more than the compiler needs to hide the latency of memory costs registers.
#define PRAGMA(text) _Pragma(#text)
#define UNROLL(times) PRAGMA(unroll times)

constexpr int WIDTH = 1;
using F = float;
using I = int32;
using M = bool;

INLINE F broadcast(float value) { return value; }
INLINE I lane_numbers() { return 0; }
INLINE I difference(I a, I b) { return (I)((uint32)a - (uint32)b); }
INLINE F to_float(I value) { return __int2float_rn(value); }
INLINE F select(M mask, F yes, F no) { return mask ? yes : no; }
// The error of the reciprocal square root, 1e-7, is that of a float: nothing is left to refine.
constexpr bool REFINE_RECIPROCAL = false;
INLINE F reciprocal_square_root(F value) { return rsqrtf(value); }
INLINE int32 to_nearest(double value) { return __double2int_rn(value); }

#else

#define INLINE static inline __attribute__((always_inline))
#define INLINE_MEMBER inline __attribute__((always_inline))
#define UNROLL(times)

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
constexpr int WIDTH = 16;
#elif defined(__AVX2__)
constexpr int WIDTH = 8;
#else
constexpr int WIDTH = 4;
#endif

typedef float F __attribute__((vector_size(4 * WIDTH)));
typedef int32 I __attribute__((vector_size(4 * WIDTH)));
typedef uint32 U __attribute__((vector_size(4 * WIDTH)));
typedef I M;

INLINE F broadcast(float value) { return F{} + value; }

INLINE I lane_numbers() {
    I numbers;
    for (int lane = 0; lane < WIDTH; ++lane) numbers[lane] = lane;
    return numbers;
}

// The difference of two positions wraps around, which only unsigned numbers may.
INLINE I difference(I a, I b) { return (I)((U)a - (U)b); }
INLINE F to_float(I value) { return __builtin_convertvector(value, F); }
INLINE F select(M mask, F yes, F no) { return mask ? yes : no; }
INLINE int32 to_nearest(double value) { return (int32)__builtin_rint(value); }

// 1 / sqrt(value); what is left of the error is removed from its square (see `pair_force`).
constexpr bool REFINE_RECIPROCAL = true;
INLINE F reciprocal_square_root(F value) {
#if defined(__AVX512F__)
    return (F)_mm512_rsqrt14_ps((__m512)value);
#elif defined(__AVX2__)
    F y = (F)_mm256_rsqrt_ps((__m256)value);
    return y * (1.5f - 0.5f * value * y * y);
#else
    F y;
    for (int lane = 0; lane < WIDTH; ++lane) y[lane] = 1.0f / __builtin_sqrtf(value[lane]);
    return y;
#endif
}

// One of the two neighbours in a word of a list, which is written as a whole.
typedef uint16 HalfWord __attribute__((may_alias));

// Coordinates of the particles `2 * lane + half` of a list of 16-bit numbers; a position is four 32-bit integers.
INLINE void scattered(const int32* positions, const HalfWord* particles, int half, I& x, I& y, I& z) {
    const HalfWord* number = particles + half;
#if defined(__AVX2__)
// Row q holds the positions of the particles q, 4 + q, 8 + q ..., each in 128 bits, which are then transposed.
#define AT(lane) _mm_load_si128((const __m128i*)(positions + 4 * (uint64)number[2 * (lane)]))
#if defined(__AVX512F__)
#define VECTOR(operation) _mm512_##operation
    const auto row = [&](int q) {
        const __m512i first_two = _mm512_inserti32x4(_mm512_castsi128_si512(AT(q)), AT(4 + q), 1);
        return _mm512_inserti32x4(_mm512_inserti32x4(first_two, AT(8 + q), 2), AT(12 + q), 3);
    };
#else
#define VECTOR(operation) _mm256_##operation
    const auto row = [&](int q) { return _mm256_inserti128_si256(_mm256_castsi128_si256(AT(q)), AT(4 + q), 1); };
#endif
    const auto r0 = row(0), r1 = row(1), r2 = row(2), r3 = row(3);
    const auto xy01 = VECTOR(unpacklo_epi32)(r0, r1), xy23 = VECTOR(unpacklo_epi32)(r2, r3);
    const auto zw01 = VECTOR(unpackhi_epi32)(r0, r1), zw23 = VECTOR(unpackhi_epi32)(r2, r3);
    x = (I)VECTOR(unpacklo_epi64)(xy01, xy23);
    y = (I)VECTOR(unpackhi_epi64)(xy01, xy23);
    z = (I)VECTOR(unpacklo_epi64)(zw01, zw23);
#undef VECTOR
#undef AT
#else
    for (int lane = 0; lane < WIDTH; ++lane) {
        const int32* position = positions + 4 * (uint64)number[2 * lane];
        x[lane] = position[0], y[lane] = position[1], z[lane] = position[2];
    }
#endif
}

// Write the numbers whose mask is set to `out`, without gaps and in order, and return how many they are. Up to `WIDTH`
// numbers are written, whatever the mask.
INLINE int pack(M mask, I numbers, int32* out) {
#if defined(__AVX512F__)
    const __mmask16 set = _mm512_movepi32_mask((__m512i)mask);
    _mm512_storeu_si512(out, _mm512_maskz_compress_epi32(set, (__m512i)numbers));
    return __builtin_popcount(set);
#else
    int count = 0;
    for (int lane = 0; lane < WIDTH; ++lane) {
        out[count] = numbers[lane];
        count -= mask[lane];  // a set mask is -1
    }
    return count;
#endif
}

INLINE I load(const int32* numbers) {
    I value;
    __builtin_memcpy(&value, numbers, sizeof value);
    return value;
}

#endif
