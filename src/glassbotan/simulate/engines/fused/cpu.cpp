// The engine on a CPU: one thread advances one system, with the vectors of the processor.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lanes.hpp"

constexpr int LIST_LANES = WIDTH;
// Particles whose lists lie side by side: those that a vector holds.

#include "physics.hpp"

using namespace glassbotan;

namespace {

// Memory that a thread needs beside the arrays of its system.
struct Scratch {
    float* forces;
    int32 *starts, *sorted, *x, *y, *z;  // starts of the cells; number and coordinates of the particles, cell by cell
    int32 *found_a, *found_b;            // neighbours of a particle
    void* memory;

    explicit Scratch(const System& s) {
        const uint64 cells = (uint64)s.cells * s.cells * s.cells + 1, room = s.padded + WIDTH;
        const uint64 numbers = AXES * (uint64)s.padded + cells + 6 * room;
        if (posix_memalign(&memory, 64, 4 * numbers)) memory = nullptr;
        if (!memory) return;
        memset(memory, 0, 4 * numbers);
        forces = (float*)memory;
        sorted = (int32*)memory + AXES * (uint64)s.padded;
        x = sorted + room, y = x + room, z = y + room, found_a = z + room, found_b = found_a + room;
        starts = found_b + room;
    }
    ~Scratch() { free(memory); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
};

// Writes the lists of one particle.
struct ListWriter {
    const System& s;
    Scratch& scratch;
    int i;
    int count[2] = {0, 0};

    INLINE_MEMBER void append(M a, M b, I numbers) {
        count[0] += pack(a, numbers, scratch.found_a + count[0]);
        count[1] += pack(b, numbers, scratch.found_b + count[1]);
    }

    // Store the lists, whose last word is filled up with the particle itself; true if they are too long.
    INLINE_MEMBER bool finish() {
        bool too_long = false;
        for (int of = 0; of < 2; ++of) {
            int32* found = of ? scratch.found_b : scratch.found_a;
            found[count[of]] = i;
            int words = (count[of] + 1) / 2;
            if (words > s.variables->longest[of]) s.variables->longest[of] = words;
            if (words > s.capacity[of]) words = s.capacity[of], too_long = true;
            uint32* list = list_of(s, i, of);
            for (int word = 0; word < words; ++word)
                list[(uint64)word * LIST_LANES] = (uint32)found[2 * word] | (uint32)found[2 * word + 1] << 16;
            s.words[of * s.padded + i] = (uint16)words;
        }
        return too_long;
    }
};

// See physics.hpp: the block of one thread.
struct Block {
    static constexpr int AXES_IN_USE = AXES;
    const System& s;
    Scratch& scratch;

    template <class Function>
    INLINE_MEMBER void each_group(Function f) {
        for (int i = 0; i < s.padded; i += WIDTH) f(i);
    }
    template <class Function>
    INLINE_MEMBER void each_particle(Function f) {
        for (int i = 0; i < s.n; ++i) f(i);
    }
    template <class Function>
    INLINE_MEMBER void each_particle_backwards(Function f) {
        for (int i = s.n; i-- > 0;) f(i);
    }
    template <class Function>
    INLINE_MEMBER void each_cell(Function f, int cells) {
        for (int cell = 0; cell < cells; ++cell) f(cell);
    }

    INLINE_MEMBER void group_positions(int i, I& x, I& y, I& z) {
        for (int lane = 0; lane < WIDTH; ++lane) {
            const int32* position = s.positions + AXES * (i + lane);
            x[lane] = position[0], y[lane] = position[1], z[lane] = position[2];
        }
    }
    INLINE_MEMBER const HalfWord* neighbors(const uint32* list) { return (const HalfWord*)list; }
    INLINE_MEMBER void neighbor_positions(const HalfWord* pair, int half, I& x, I& y, I& z) {
        scattered(s.positions, pair, half, x, y, z);
    }
    INLINE_MEMBER void keep_forces(int i, F fx, F fy, F fz) {
        for (int lane = 0; lane < WIDTH; ++lane) {
            float* force = scratch.forces + AXES * (i + lane);
            force[0] = fx[lane], force[1] = fy[lane], force[2] = fz[lane];
        }
    }
    INLINE_MEMBER float force(int i, int axis) { return scratch.forces[AXES * i + axis]; }
    INLINE_MEMBER int32 coordinate(int i, int axis) { return s.positions[AXES * i + axis]; }
    INLINE_MEMBER void move(int i, int axis, int32 distance) {
        s.positions[AXES * i + axis] = wrapped_sum(s.positions[AXES * i + axis], distance);
    }

    INLINE_MEMBER int32& start(int cell) { return scratch.starts[cell]; }
    INLINE_MEMBER int32& sorted(int place) { return scratch.sorted[place]; }
    INLINE_MEMBER int32 add(int32& number, int32 change) {
        const int32 before = number;
        number += change;
        return before;
    }
    INLINE_MEMBER void running_sum(int cells) {
        for (int cell = 1; cell <= cells; ++cell) scratch.starts[cell] += scratch.starts[cell - 1];
    }
    INLINE_MEMBER void finish_sorting(int) {
        for (int place = 0; place < s.n; ++place) {
            const int32* position = s.positions + AXES * scratch.sorted[place];
            scratch.x[place] = position[0], scratch.y[place] = position[1], scratch.z[place] = position[2];
        }
    }
    INLINE_MEMBER void candidates(int place, I& x, I& y, I& z, I& numbers) {
        x = load(scratch.x + place), y = load(scratch.y + place), z = load(scratch.z + place);
        numbers = load(scratch.sorted + place);
    }
    INLINE_MEMBER ListWriter list_writer(int i) { return ListWriter{s, scratch, i}; }

    // Fill up the lists of a group to the length of the longest, each with its own particle.
    INLINE_MEMBER void finish_lists() {
        for (int first = 0; first < s.padded; first += LIST_LANES) {
            for (int of = 0; of < 2; ++of) {
                uint16* words = s.words + of * s.padded + first;
                int longest = 0;
                for (int lane = 0; lane < LIST_LANES; ++lane) longest = words[lane] > longest ? words[lane] : longest;
                for (int lane = 0; lane < LIST_LANES; ++lane) {
                    uint32* list = list_of(s, first + lane, of);
                    const uint32 itself = (uint32)(first + lane) * 0x10001u;
                    for (int word = words[lane]; word < longest; ++word) list[(uint64)word * LIST_LANES] = itself;
                    words[lane] = (uint16)longest;
                }
            }
        }
    }

    INLINE_MEMBER void sync() {}
    INLINE_MEMBER bool any(bool flag) { return flag; }
    INLINE_MEMBER bool any_and_sum(bool flag, double&) { return flag; }
    INLINE_MEMBER void sum(double*) {}
    INLINE_MEMBER double maximum(double value) { return value; }

    INLINE_MEMBER int status() { return s.variables->status; }
    INLINE_MEMBER void set_status(int status, int particle) {
        if (s.variables->status != RUNNING) return;
        s.variables->status = status;
        s.variables->particle = particle;
    }
    INLINE_MEMBER void count_rebuild() { s.variables->rebuilds += 1; }
    INLINE_MEMBER void finish(int64 step, double xi, double eta) {
        s.variables->step = step;
        s.variables->xi = xi, s.variables->eta = eta;
    }
    INLINE_MEMBER void finish_minimisation(int64 step, double dt, double mixing, int64 downhill, double largest,
                                           int status) {
        Variables& variables = *s.variables;
        variables.step = step;
        variables.fire_step = dt, variables.fire_mixing = mixing, variables.fire_downhill = downhill;
        variables.largest_force = largest;
        if (variables.status == RUNNING) variables.status = status;
    }
};

}  // namespace

// Each function works on one system. Those that need memory return 1 if there is none, else 0.
extern "C" {

int glassbotan_width() { return WIDTH; }

int glassbotan_make_lists(const Liquid* liquid, const Arrays* arrays, int index) {
    const System s = system_of(*arrays, index);
    Scratch scratch(s);
    if (!scratch.memory) return 1;
    Block block{s, scratch};
    make_lists(block, s, *liquid);
    return 0;
}

int glassbotan_advance(const Liquid* liquid, const Motion* motion, const Arrays* arrays, int index, int mode,
                       int steps) {
    const System s = system_of(*arrays, index);
    Scratch scratch(s);
    if (!scratch.memory) return 1;
    Block block{s, scratch};
    switch (mode) {
        case CONSTANT_ENERGY:
            advance<CONSTANT_ENERGY>(block, s, *liquid, *motion, steps);
            break;
        case THERMOSTATTED:
            advance<THERMOSTATTED>(block, s, *liquid, *motion, steps);
            break;
        case RESTRAINED:
            advance<RESTRAINED>(block, s, *liquid, *motion, steps);
            break;
        default:
            minimise(block, s, *liquid, *motion, steps);
    }
    return 0;
}

int glassbotan_forces(const Liquid* liquid, const Arrays* arrays, int index, float* forces_out) {
    const System s = system_of(*arrays, index);
    Scratch scratch(s);
    if (!scratch.memory) return 1;
    Block block{s, scratch};
    forces(block, s, *liquid);
    memcpy(forces_out, scratch.forces, sizeof(float) * AXES * (uint64)s.padded);
    return 0;
}

int glassbotan_measure(const Liquid* liquid, const Arrays* arrays, int index, double* energy, double* virial,
                       double* force) {
    const System s = system_of(*arrays, index);
    for (int i = 0; i < s.n; ++i) measure(s, *liquid, i, energy + i, virial + i, force + AXES * (uint64)i);
    return 0;
}
}
