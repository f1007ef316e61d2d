// The engine on a GPU: a block of THREADS threads advances one system, whose positions lie in shared memory.
//
// Given by the compiler's options: THREADS, and SHARED_NUMBERS, 1 if the numbers of the particles in each cell lie in
// shared memory too.
constexpr int UNROLLED_WORDS = __CUDA_ARCH__ >= 800 ? 4 : 1;
// Words of two neighbours in a turn of the loop over neighbours: several loads are on their way at a time, as far as
// the registers allow.
constexpr int LIST_LANES = 32;
// Particles whose lists lie side by side: those of a warp, which reads the k-th neighbours of all in one go.

#include "physics.hpp"

using namespace glassbotan;

constexpr int WARPS = THREADS / 32;
// Device memory that a block needs beside the arrays of its system.
struct Scratch {
    uint16* sorted;  // (systems, padded)
    float* forces;   // (systems, padded, AXES)
};

// Writes the lists of one particle, two neighbours a word.
struct ListWriter {
    const System& s;
    int i;
    uint32 *list_a, *list_b;
    uint32 waiting_a, waiting_b;  // a neighbour that waits for the second one of its word
    int count_a, count_b;

    INLINE_MEMBER void put(uint32* list, int capacity, uint32& waiting, int& count, int j) {
        if (count & 1) {
            if (count / 2 < capacity) list[(count / 2) * LIST_LANES] = waiting | (uint32)j << 16;
        } else {
            waiting = j;
        }
        count += 1;
    }
    INLINE_MEMBER void append(bool a, bool b, int j) {
        if (a) put(list_a, s.capacity[0], waiting_a, count_a, j);
        if (b) put(list_b, s.capacity[1], waiting_b, count_b, j);
    }
    INLINE_MEMBER bool finish() {
        if (count_a & 1) put(list_a, s.capacity[0], waiting_a, count_a, i);
        if (count_b & 1) put(list_b, s.capacity[1], waiting_b, count_b, i);
        const int words_a = count_a / 2, words_b = count_b / 2;
        if (words_a > s.variables->longest[0]) atomicMax(&s.variables->longest[0], words_a);
        if (words_b > s.variables->longest[1]) atomicMax(&s.variables->longest[1], words_b);
        const bool too_long = words_a > s.capacity[0] || words_b > s.capacity[1];
        s.words[i] = (uint16)min(words_a, s.capacity[0]);
        s.words[s.padded + i] = (uint16)min(words_b, s.capacity[1]);
        return too_long;
    }
};

// See physics.hpp.
struct Block {
    static constexpr int AXES_IN_USE = 3;
    const System& s;
    int thread;
    int32* positions;  // (3, padded), shared
    int32* starts;     // (cells^3 + 1), shared
    uint16* numbers;   // (padded,) particles in order of their cells
    double* partial;   // (5, WARPS), shared: sums of the warps, in a place of their own for each that is asked for
    int32* state;      // status and particle at fault, shared
    float* forces;

    INLINE_MEMBER Block(const System& system, const Scratch& scratch, unsigned char* shared) : s(system) {
        thread = threadIdx.x;
        partial = (double*)shared;
        state = (int32*)(partial + 5 * WARPS);
        positions = state + 2;
        starts = positions + 3 * s.padded;
        numbers = SHARED_NUMBERS ? (uint16*)(starts + s.cells * s.cells * s.cells + 1)
                                 : scratch.sorted + (uint64)blockIdx.x * s.padded;
        forces = scratch.forces + (uint64)blockIdx.x * s.padded * AXES;
        if (thread == 0) state[0] = RUNNING, state[1] = 0;
        each_particle([&](int i) {
            for (int axis = 0; axis < 3; ++axis) positions[axis * s.padded + i] = s.positions[AXES * i + axis];
        });
        sync();
    }

    template <class Function>
    INLINE_MEMBER void each_particle(Function f) {
        UNROLL(1)
        for (int i = thread; i < s.n; i += THREADS) f(i);
    }
    template <class Function>
    INLINE_MEMBER void each_group(Function f) {
        each_particle(f);
    }
    template <class Function>
    INLINE_MEMBER void each_particle_backwards(Function f) {
        each_particle(f);  // in any order: `finish_sorting` puts them in order
    }
    template <class Function>
    INLINE_MEMBER void each_cell(Function f, int cells) {
        for (int cell = thread; cell < cells; cell += THREADS) f(cell);
    }

    INLINE_MEMBER void group_positions(int i, I& x, I& y, I& z) {
        x = positions[i], y = positions[s.padded + i], z = positions[2 * s.padded + i];
    }
    INLINE_MEMBER uint32 neighbors(const uint32* list) { return __ldcg(list); }
    INLINE_MEMBER void neighbor_positions(uint32 pair, int half, I& x, I& y, I& z) {
        group_positions(half ? pair >> 16 : pair & 0xffff, x, y, z);
    }
    INLINE_MEMBER void keep_forces(int i, F fx, F fy, F fz) { ((float4*)forces)[i] = make_float4(fx, fy, fz, 0.0f); }
    INLINE_MEMBER float force(int i, int axis) { return forces[AXES * i + axis]; }
    INLINE_MEMBER int32 coordinate(int i, int axis) { return positions[axis * s.padded + i]; }
    INLINE_MEMBER void move(int i, int axis, int32 distance) {
        int32& coordinate = positions[axis * s.padded + i];
        coordinate = wrapped_sum(coordinate, distance);
    }

    INLINE_MEMBER int32& start(int cell) { return starts[cell]; }
    INLINE_MEMBER uint16& sorted(int place) { return numbers[place]; }
    INLINE_MEMBER int32 add(int32& number, int32 change) { return atomicAdd(&number, change); }

    // Each thread adds up the counts of some cells, then all threads those of the threads before them.
    INLINE_MEMBER void running_sum(int cells) {
        const int each = (cells + THREADS) / THREADS, first = thread * each;
        const int last = min(first + each, cells + 1);
        int32 own = 0;
        for (int cell = first; cell < last; ++cell) own += starts[cell];
        int32 up_to_here = own;
        for (int distance = 1; distance < 32; distance *= 2) {
            const int32 before = __shfl_up_sync(0xffffffffu, up_to_here, distance);
            if (thread % 32 >= distance) up_to_here += before;
        }
        int32* of_warps = (int32*)partial;
        if (thread % 32 == 31) of_warps[thread / 32] = up_to_here;
        sync();
        int32 total = up_to_here - own;
        UNROLL(1)
        for (int warp = 0; warp < thread / 32; ++warp) total += of_warps[warp];
        for (int cell = first; cell < last; ++cell) {
            total += starts[cell];
            starts[cell] = total;
        }
        sync();
    }
    // Put the numbers of each cell in order.
    INLINE_MEMBER void finish_sorting(int cells) {
        each_cell(
            [&](int cell) {
                const int first = starts[cell], last = starts[cell + 1];
                for (int place = first + 1; place < last; ++place) {
                    const uint16 number = numbers[place];
                    int to = place;
                    for (; to > first && numbers[to - 1] > number; --to) numbers[to] = numbers[to - 1];
                    numbers[to] = number;
                }
            },
            cells);
    }
    INLINE_MEMBER void candidates(int place, I& x, I& y, I& z, I& number) {
        number = numbers[place];
        group_positions(number, x, y, z);
    }
    INLINE_MEMBER ListWriter list_writer(int i) {
        return ListWriter{s, i, list_of(s, i, 0), list_of(s, i, 1), 0u, 0u, 0, 0};
    }
    INLINE_MEMBER void finish_lists() {}

    INLINE_MEMBER void sync() { __syncthreads(); }
    INLINE_MEMBER bool any(bool flag) { return __syncthreads_or(flag); }

    INLINE_MEMBER double of_warp(double value) {
        for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(0xffffffffu, value, distance);
        return value;
    }
    INLINE_MEMBER double of_block(const double* of_warps) {
        double total = 0.0;
        UNROLL(1)
        for (int warp = 0; warp < WARPS; ++warp) total += of_warps[warp];
        return total;
    }
    INLINE_MEMBER bool any_and_sum(bool flag, double& value) {
        value = of_warp(value);
        if (thread % 32 == 0) partial[4 * WARPS + thread / 32] = value;
        flag = any(flag);
        value = of_block(partial + 4 * WARPS);
        return flag;
    }
    INLINE_MEMBER void sum(double values[3]) {
        for (int axis = 0; axis < 3; ++axis) {
            const double value = of_warp(values[axis]);
            if (thread % 32 == 0) partial[axis * WARPS + thread / 32] = value;
        }
        sync();
        for (int axis = 0; axis < 3; ++axis) values[axis] = of_block(partial + axis * WARPS);
    }
    INLINE_MEMBER double maximum(double value) {
        for (int distance = 16; distance > 0; distance /= 2)
            value = fmax(value, __shfl_xor_sync(0xffffffffu, value, distance));
        if (thread % 32 == 0) partial[3 * WARPS + thread / 32] = value;
        sync();
        UNROLL(1)
        for (int warp = 0; warp < WARPS; ++warp) value = fmax(value, partial[3 * WARPS + warp]);
        return value;
    }

    INLINE_MEMBER int status() { return state[0]; }
    INLINE_MEMBER void set_status(int status, int particle) {
        if (atomicCAS(&state[0], RUNNING, status) == RUNNING) state[1] = particle;
    }
    INLINE_MEMBER void count_rebuild() {
        if (thread == 0) s.variables->rebuilds += 1;
    }
    // Write the positions and what `f` sets back to device memory.
    template <class Function>
    INLINE_MEMBER void store(Function f) {
        sync();
        each_particle([&](int i) {
            for (int axis = 0; axis < 3; ++axis) s.positions[AXES * i + axis] = positions[axis * s.padded + i];
        });
        if (thread == 0) {
            s.variables->status = state[0], s.variables->particle = state[1];
            f(*s.variables);
        }
    }
    INLINE_MEMBER void finish(int64 step, double xi, double eta) {
        store([&](Variables& variables) { variables.step = step, variables.xi = xi, variables.eta = eta; });
    }
    INLINE_MEMBER void finish_minimisation(int64 step, double dt, double mixing, int64 downhill, double largest,
                                           int status) {
        store([&](Variables& variables) {
            variables.step = step;
            variables.fire_step = dt, variables.fire_mixing = mixing, variables.fire_downhill = downhill;
            variables.largest_force = largest;
            if (variables.status == RUNNING) variables.status = status;
        });
    }
};

extern __shared__ double shared_memory[];

#define KERNEL extern "C" __global__ void __launch_bounds__(THREADS)

KERNEL glassbotan_make_lists(Liquid liquid, Arrays arrays, Scratch scratch) {
    const System s = system_of(arrays, blockIdx.x);
    Block block(s, scratch, (unsigned char*)shared_memory);
    make_lists(block, s, liquid);
    block.store([](Variables&) {});
}

#define ADVANCING(NAME, CALL)                                                                       \
    KERNEL NAME(Liquid liquid, Motion motion, Arrays arrays, Scratch scratch, const int32* steps) { \
        const System s = system_of(arrays, blockIdx.x);                                             \
        if (s.variables->status != RUNNING || steps[blockIdx.x] <= 0) return;                       \
        Block block(s, scratch, (unsigned char*)shared_memory);                                     \
        CALL(block, s, liquid, motion, steps[blockIdx.x]);                                          \
    }

ADVANCING(glassbotan_constant_energy, advance<CONSTANT_ENERGY>)
ADVANCING(glassbotan_thermostatted, advance<THERMOSTATTED>)
ADVANCING(glassbotan_restrained, advance<RESTRAINED>)
ADVANCING(glassbotan_minimise, minimise)

KERNEL glassbotan_forces(Liquid liquid, Arrays arrays, Scratch scratch, float* out) {
    const System s = system_of(arrays, blockIdx.x);
    Block block(s, scratch, (unsigned char*)shared_memory);
    forces(block, s, liquid);
    block.each_particle([&](int i) {
        float* force = out + AXES * ((uint64)blockIdx.x * s.padded + i);
        for (int axis = 0; axis < 3; ++axis) force[axis] = block.force(i, axis);
    });
}

// A thread for each particle, many blocks for each system.
KERNEL glassbotan_measure(Liquid liquid, Arrays arrays, double* energy, double* virial, double* force) {
    const System s = system_of(arrays, blockIdx.y);
    const int i = blockIdx.x * THREADS + threadIdx.x;
    const uint64 row = (uint64)blockIdx.y * s.padded + i;
    if (i < s.n) measure(s, liquid, i, energy + row, virial + row, force + AXES * row);
}
