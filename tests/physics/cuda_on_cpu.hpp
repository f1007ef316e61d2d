// Runs the engine's CUDA source on a CPU: every thread of a block is a fiber, which runs until the next barrier.
//
// The source that is included after this header is the one that NVRTC compiles for a GPU. Here the parts of CUDA that
// it uses have the same meaning, so an error in its use of blocks, warps and shared memory shows without a GPU.
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define __CUDACC__ 1
#define __CUDA_ARCH__ 900
#define __device__
#define __global__
#define __shared__
#define __launch_bounds__(threads)
#define __forceinline__ inline

struct dim3_like {
    int x, y;
};
static dim3_like threadIdx, blockIdx;
struct float4 {
    float x, y, z, w;
};
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

static double shared_memory[32768];  // 256 KiB

namespace fibers {

constexpr uint64_t STACK = 256 * 1024;
static ucontext_t scheduler, contexts[THREADS];
static char* stacks = nullptr;
static bool finished[THREADS];
static int running;
static int flags, flags_of_last_barrier;
static double exchanged[THREADS];
static void (*work)(void*);
static void* arguments;

static void barrier() {
    const int self = running;
    swapcontext(&contexts[self], &scheduler);
    threadIdx.x = self;
}

static void begin() {
    threadIdx.x = running;
    work(arguments);
    finished[running] = true;
    swapcontext(&contexts[running], &scheduler);
}

// Run one block. All threads meet at every barrier: the number of those that have ended by then must be none or all.
static bool run_block(void (*function)(void*), void* of) {
    work = function, arguments = of;
    if (!stacks) stacks = (char*)malloc(STACK * THREADS);
    for (int thread = 0; thread < THREADS; ++thread) {
        finished[thread] = false;
        getcontext(&contexts[thread]);
        contexts[thread].uc_stack.ss_sp = stacks + STACK * thread;
        contexts[thread].uc_stack.ss_size = STACK;
        contexts[thread].uc_link = nullptr;
        makecontext(&contexts[thread], begin, 0);
    }
    memset(shared_memory, 0xff, sizeof shared_memory);  // what a block finds there means nothing
    for (int round = 0;; ++round) {
        int ended = 0;
        flags = 0;
        for (int turn = 0; turn < THREADS; ++turn) {
            running = round % 2 ? turn : THREADS - 1 - turn;  // one order and then the other: no code may rely on it
            swapcontext(&scheduler, &contexts[running]);
            ended += finished[running];
        }
        flags_of_last_barrier = flags;
        if (ended == THREADS) return true;
        if (ended) return false;
    }
}

}  // namespace fibers

static inline void __syncthreads() { fibers::barrier(); }
static inline int __syncthreads_or(int flag) {
    fibers::flags |= flag;
    fibers::barrier();
    return fibers::flags_of_last_barrier;
}
template <class T>
static inline T __shfl_xor_sync(unsigned, T value, int lane) {
    const int self = threadIdx.x;
    fibers::exchanged[self] = value;
    fibers::barrier();
    const T other = (T)fibers::exchanged[self ^ lane];
    fibers::barrier();
    return other;
}
template <class T>
static inline T __shfl_up_sync(unsigned, T value, int distance) {
    const int self = threadIdx.x;
    fibers::exchanged[self] = value;
    fibers::barrier();
    const T other = (T)fibers::exchanged[self % 32 >= distance ? self - distance : self];
    fibers::barrier();
    return other;
}
template <class T>
static inline T atomicAdd(T* address, T value) {
    const T before = *address;
    *address += value;
    return before;
}
template <class T>
static inline T atomicMax(T* address, T value) {
    const T before = *address;
    if (value > before) *address = value;
    return before;
}
static inline int atomicCAS(int* address, int expected, int value) {
    const int before = *address;
    if (before == expected) *address = value;
    return before;
}
template <class T>
static inline T __ldcg(const T* address) {
    return *address;
}
static inline float __int2float_rn(int value) { return (float)value; }
static inline int __double2int_rn(double value) { return (int)rint(value); }
static inline float rsqrtf(float value) { return 1.0f / sqrtf(value); }
static inline int min(int a, int b) { return a < b ? a : b; }
