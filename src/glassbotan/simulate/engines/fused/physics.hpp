// The physics of the engine: forces, neighbour lists, integration, thermostat, restraint and minimisation.
//
// Everything is written for one system and a block of threads that share it: on a GPU a block of CUDA, on a CPU a
// single thread with vectors of `WIDTH` particles. `Block` is what differs between the two:
//
//     each_group(f)       f(i) for the first particle i of every group of WIDTH particles of this thread
//     each_particle(f)    f(i) for every particle of this thread
//     each_cell(f, m)     f(cell) for the cells of this thread, of m
//     keep_forces(i, ..)  stores the forces on a group, which `force(i, axis)` gives back to this thread
//     coordinate(i, axis) position of a particle, which all threads read
//     sync()              waits until all threads are here
//     any(flag)           waits, and says whether the flag of any thread is set
//     sum(values)         waits, and adds up the values of all threads in a fixed order
//
// Positions are 32-bit integers: the box is 2^32 long in every direction, so that the difference of two positions,
// which wraps around, is the nearest image. A step of the grid is 3.5e-9 sigma for 4096 particles at density 1.2.
// Forces are 32-bit floats, velocities and all that is summed over particles 64-bit floats.
#pragma once
#include "lanes.hpp"

namespace glassbotan {

constexpr double GRID_STEPS = 4294967296.0;
// Steps of the grid of positions along each edge of the box, 2^32.
constexpr int AXES = 4;
// Numbers for each particle in arrays of positions and velocities; the fourth is zero and makes them vectors.

constexpr double FARTHEST_IN_A_STEP = 0.25;
// Distance, in sigma_AA, that no particle of a liquid moves along an axis in one step: farther, the run blows up.

enum Status { RUNNING = 0, LIST_TOO_LONG = 1, BLOWN_UP = 2, MINIMISED = 3 };

// The interaction of two species: force-shifted Lennard-Jones.
struct Pair {
    double epsilon, sigma, cutoff;
    double energy_at_cutoff, slope_at_cutoff;  // V_LJ(r_c) and V_LJ'(r_c)
    float c12, c6, slope;                      // 48 epsilon sigma^12, 24 epsilon sigma^6, V_LJ'(r_c)
    float cutoff2, range2;                     // squares of the cutoff and of the range of the list
};

struct Liquid {
    Pair aa, ab, bb;
    double mass_a, mass_b;
    double box_length;
    double skin;           // buffer of the neighbour lists
    double longest_range;  // of the lists of any two species
};

// How the systems move, the same for all of a launch.
struct Motion {
    double timestep;
    double start, stop, coupling_time;  // Nose-Hoover thermostat, whose temperature goes linearly to `stop` at `end`
    int64 end;
    double radius;           // of the sphere that each particle stays in
    double temperature;      // of the velocities that are drawn anew
    double rate;             // at which a particle's velocity is drawn anew
    int32 average_every;     // steps between two positions that are averaged over
    int32 settling;          // steps before the first of them
    double force_tolerance;  // largest force, at which a minimisation ends
};

enum Mode { CONSTANT_ENERGY = 0, THERMOSTATTED = 1, RESTRAINED = 2, MINIMISING = 3 };

// What a system has beside its arrays.
struct Variables {
    int64 step;
    double xi, eta;                 // friction of the thermostat, and its integral over time
    double momentum[3];             // total momentum, which is conserved
    double fire_step, fire_mixing;  // time step and mixing of a minimisation
    int64 fire_downhill;            // steps since the last one that went uphill
    double largest_force;
    uint64 seed;             // of the velocities that are drawn anew
    int64 rebuilds;          // of the neighbour lists
    int32 status, particle;  // what ended the run, and the particle at fault
    int32 longest[2];        // longest list of neighbours A and B, in words of two
};

// Arrays of all systems, one after the other. `padded` is the number of particles, rounded up to whole groups.
struct Arrays {
    int32 particles, padded;
    int32 split;         // the particles before it are A, the others B
    int32 cells;         // cells along each edge of the box
    int32 capacity[2];   // words of two neighbours in each list, for neighbours A and B
    int32* positions;    // (systems, padded, AXES)
    int32* listed;       // positions when the lists were made
    int32* images;       // numbers of boxes crossed by `listed`
    double* velocities;  // half a step before `positions`
    int32* centers;      // centres of the spheres of a restrained run, or null
    double* averages;  // (systems, 2, padded, AXES) sums of displacements from the centre and, in the fourth place, of
                       // their squares, over the first and the second half of a restrained run, or null
    uint32* lists;     // (systems, padded / LIST_LANES, capacity A + B, LIST_LANES)
    uint16* words;     // (systems, 2, padded) number of words in each list
    Variables* variables;  // (systems,)
};

struct System {
    int32 n, padded, split, cells;
    int32 capacity[2];
    int32 *positions, *listed, *images;
    double* velocities;
    int32* centers;
    double* averages;
    uint32* lists;
    uint16* words;
    Variables* variables;
};

INLINE System system_of(const Arrays& a, int index) {
    const uint64 here = (uint64)index * a.padded;
    System s;
    s.n = a.particles, s.padded = a.padded, s.split = a.split, s.cells = a.cells;
    s.capacity[0] = a.capacity[0], s.capacity[1] = a.capacity[1];
    s.positions = a.positions + AXES * here;
    s.listed = a.listed + AXES * here;
    s.images = a.images + AXES * here;
    s.velocities = a.velocities + AXES * here;
    s.centers = a.centers ? a.centers + AXES * here : nullptr;
    s.averages = a.averages ? a.averages + 2 * AXES * here : nullptr;
    s.lists = a.lists + here * (a.capacity[0] + a.capacity[1]);
    s.words = a.words + 2 * here;
    s.variables = a.variables + index;
    return s;
}

INLINE float grid_of(const Liquid& liquid) { return (float)(liquid.box_length / GRID_STEPS); }

INLINE double farthest_of(const Liquid& liquid) {
    const double eighth = liquid.box_length / 8.0;
    return eighth < FARTHEST_IN_A_STEP ? eighth : FARTHEST_IN_A_STEP;
}

INLINE int32 wrapped_difference(int32 a, int32 b) { return (int32)((uint32)a - (uint32)b); }
INLINE int32 wrapped_sum(int32 a, int32 b) { return (int32)((uint32)a + (uint32)b); }

// Words of the list of neighbours of species `of` of particle i; word k is at [k * LIST_LANES].
INLINE uint32* list_of(const System& s, int i, int of) {
    const uint64 group = i / LIST_LANES;
    return s.lists + (group * (s.capacity[0] + s.capacity[1]) + (of ? s.capacity[0] : 0)) * LIST_LANES + i % LIST_LANES;
}

INLINE double mass_of(const System& s, const Liquid& liquid, int i) {
    return i < s.split ? liquid.mass_a : liquid.mass_b;
}

// -V'(r) / r for squared distances r2, and zero beyond the cutoff and at no distance, where a list is filled up with
// the particle itself:
//     V'(r) = -24 epsilon (2 (sigma/r)^12 - (sigma/r)^6) / r - V_LJ'(r_c)
INLINE F pair_force(F r2, F c12, F c6, F slope, F cutoff2) {
    const F y = reciprocal_square_root(r2);
    F x = y * y;
    if (REFINE_RECIPROCAL) x = x + x * (1.0f - r2 * x);  // one step of Newton's method for 1 / r2
    const F x3 = x * x * x;
    const F force = (x * x3) * (c12 * x3 - c6) + slope * y;
    return select((r2 < cutoff2) & (r2 > 0.0f), force, broadcast(0.0f));
}

// Add the forces of one list on the particles i, i + 1, ... of a group, in units of epsilon / sigma^2 times a step of
// the grid.
template <class Block>
INLINE void add_forces(Block& b, const System& s, int i, int of, F c12, F c6, F slope, F cutoff2, float grid2, I x, I y,
                       I z, F& fx, F& fy, F& fz) {
    const uint32* list = list_of(s, i, of);
    const int words = s.words[of * s.padded + i];
    UNROLL(UNROLLED_WORDS)
    for (int word = 0; word < words; ++word, list += LIST_LANES) {
        const auto pair = b.neighbors(list);
        for (int half = 0; half < 2; ++half) {
            I xj, yj, zj;
            b.neighbor_positions(pair, half, xj, yj, zj);
            const F dx = to_float(difference(x, xj)), dy = to_float(difference(y, yj)),
                    dz = to_float(difference(z, zj));
            const F r2 = (dx * dx + dy * dy + dz * dz) * grid2;
            const F force = pair_force(r2, c12, c6, slope, cutoff2);
            fx = fx + force * dx;
            fy = fy + force * dy;
            fz = fz + force * dz;
        }
    }
}

// Forces on all particles of this thread.
template <class Block>
INLINE void forces(Block& b, const System& s, const Liquid& liquid) {
    const float grid = grid_of(liquid);
    b.each_group([&](int i) {
        I x, y, z;
        b.group_positions(i, x, y, z);
        const M is_b = lane_numbers() + i >= s.split;
        const auto either = [&](float a, float b) { return select(is_b, broadcast(b), broadcast(a)); };
        F fx = broadcast(0.0f), fy = fx, fz = fx;
        const Pair &aa = liquid.aa, &ab = liquid.ab, &bb = liquid.bb;
        add_forces(b, s, i, 0, either(aa.c12, ab.c12), either(aa.c6, ab.c6), either(aa.slope, ab.slope),
                   either(aa.cutoff2, ab.cutoff2), grid * grid, x, y, z, fx, fy, fz);
        add_forces(b, s, i, 1, either(ab.c12, bb.c12), either(ab.c6, bb.c6), either(ab.slope, bb.slope),
                   either(ab.cutoff2, bb.cutoff2), grid * grid, x, y, z, fx, fy, fz);
        b.keep_forces(i, fx * grid, fy * grid, fz * grid);
    });
}

// ---- Neighbour lists ----

// Number of the cell of a coordinate, of `cells` along the edge.
INLINE int cell_of(int32 coordinate, int cells) { return (int)(((uint64)(uint32)coordinate * (uint32)cells) >> 32); }

// Distance in cells within which neighbours lie.
INLINE int reach_of(double range, double box_length, int cells) {
    const int reach = (int)(range * cells / box_length) + 1;
    return 2 * reach + 1 < cells ? reach : cells / 2;
}

// Sort the particles into cells: `b.sorted` has their numbers, cell after cell, and in order within a cell; those of
// cell c begin at `b.start(c)`.
template <class Block>
INLINE void sort_into_cells(Block& b, const System& s) {
    const int m = s.cells, cells = m * m * m;
    const auto cell = [&](int i) {
        return (cell_of(b.coordinate(i, 2), m) * m + cell_of(b.coordinate(i, 1), m)) * m +
               cell_of(b.coordinate(i, 0), m);
    };
    b.each_cell([&](int c) { b.start(c) = 0; }, cells + 1);
    b.sync();
    b.each_particle([&](int i) { b.add(b.start(cell(i)), 1); });
    b.sync();
    b.running_sum(cells);  // start(c) is now the end of cell c
    b.each_particle_backwards([&](int i) { b.sorted(b.add(b.start(cell(i)), -1) - 1) = (uint16)i; });
    b.sync();
    b.finish_sorting(cells);
    b.sync();
}

// Call f(first, last) for the ranges of `b.sorted` with all particles that may be within the range of a particle.
template <class Block, class Function>
INLINE void each_candidate_range(Block& b, const System& s, int i, int reach, Function f) {
    const int m = s.cells;
    const int cx = cell_of(b.coordinate(i, 0), m), cy = cell_of(b.coordinate(i, 1), m),
              cz = cell_of(b.coordinate(i, 2), m);
    const int span = 2 * reach + 1 < m ? 2 * reach + 1 : m;  // each cell once, however small the box
    const auto around = [&](int cell) { return cell < 0 ? cell + m : cell >= m ? cell - m : cell; };
    const int low = around(cx - reach), high = low + span;
    UNROLL(1)
    for (int dz = 0; dz < span; ++dz) {
        UNROLL(1)
        for (int dy = 0; dy < span; ++dy) {
            const int row = (around(cz - reach + dz) * m + around(cy - reach + dy)) * m;
            UNROLL(1)
            for (int from = low, to = high; from < to; from = 0, to -= m)  // around the edge of the box in two parts
                f(b.start(row + from), b.start(row + (to < m ? to : m)));
        }
    }
}

// Make the neighbour lists of the current positions. Sets the status if they don't fit.
template <class Block>
INLINE void make_lists(Block& b, const System& s, const Liquid& liquid) {
    sort_into_cells(b, s);
    const float grid = grid_of(liquid);
    const int reach = reach_of(liquid.longest_range, liquid.box_length, s.cells);
    bool too_long = false;
    b.each_particle([&](int i) {
        const bool i_is_b = i >= s.split;
        const float range2_a = i_is_b ? liquid.ab.range2 : liquid.aa.range2;
        const float range2_b = i_is_b ? liquid.bb.range2 : liquid.ab.range2;
        const I x = I{} + b.coordinate(i, 0), y = I{} + b.coordinate(i, 1), z = I{} + b.coordinate(i, 2);
        auto writer = b.list_writer(i);
        each_candidate_range(b, s, i, reach, [&](int first, int last) {
            UNROLL(1)
            for (int p = first; p < last; p += WIDTH) {
                I xj, yj, zj, j;
                b.candidates(p, xj, yj, zj, j);
                const F dx = to_float(difference(x, xj)), dy = to_float(difference(y, yj)),
                        dz = to_float(difference(z, zj));
                const F r2 = (dx * dx + dy * dy + dz * dz) * (grid * grid);
                const M j_is_b = j >= s.split;
                const M listed = (r2 < select(j_is_b, broadcast(range2_b), broadcast(range2_a))) & (j != i) &
                                 (lane_numbers() + p < last);
                writer.append(listed & !j_is_b, listed & j_is_b, j);
            }
        });
        too_long |= writer.finish();
    });
    if (b.any(too_long)) b.set_status(LIST_TOO_LONG, 0);
    b.finish_lists();
    b.sync();
}

// Renew the lists after particles have moved, follow them through the faces of the box, and give the system back the
// momentum that rounding took from it.
template <class Block>
INLINE void renew_lists(Block& b, const System& s, const Liquid& liquid, bool keep_momentum, double share_of_momentum) {
    double momentum[3] = {0.0, 0.0, 0.0};
    b.each_particle([&](int i) {
        for (int axis = 0; axis < 3; ++axis) {
            const int32 now = b.coordinate(i, axis), before = s.listed[AXES * i + axis];
            const int64 unwrapped = (int64)before + wrapped_difference(now, before);
            s.images[AXES * i + axis] += unwrapped > 2147483647LL ? 1 : unwrapped < -2147483648LL ? -1 : 0;
            s.listed[AXES * i + axis] = now;
            momentum[axis] += mass_of(s, liquid, i) * s.velocities[AXES * i + axis];
        }
    });
    if (keep_momentum) {
        b.sum(momentum);
        const double total = mass_of(s, liquid, 0) * s.split + mass_of(s, liquid, s.n - 1) * (s.n - s.split);
        double lost[3];
        for (int axis = 0; axis < 3; ++axis)
            lost[axis] = (share_of_momentum * s.variables->momentum[axis] - momentum[axis]) / total;
        b.each_particle([&](int i) {
            for (int axis = 0; axis < 3; ++axis) s.velocities[AXES * i + axis] += lost[axis];
        });
    }
    b.count_rebuild();
    make_lists(b, s, liquid);
}

// ---- Integration ----

// 64 bits that look random, of a particle at a step, others for each `draw` from 0 to 7.
INLINE uint64 random_bits(uint64 seed, uint64 step, uint64 particle, uint64 draw) {
    uint64 z = seed + 0x9e3779b97f4a7c15ULL * (step * 8 + draw) + 0xd1b54a32d192ed03ULL * (particle + 1);
    for (int round = 0; round < 2; ++round) {  // the mixing function of SplitMix64 (Steele, Lea & Flood 2014)
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        z ^= z >> 31;
    }
    return z;
}

INLINE double uniform(uint64 bits) { return ((double)(bits >> 11) + 0.5) * (1.0 / 9007199254740992.0); }

// Three Gaussian numbers of unit variance (Box and Muller).
INLINE void gaussians(uint64 seed, uint64 step, uint64 particle, double out[3]) {
    for (int axis = 0; axis < 3; ++axis) {
        const double u = uniform(random_bits(seed, step, particle, 1 + 2 * axis));
        const double v = uniform(random_bits(seed, step, particle, 2 + 2 * axis));
        out[axis] = sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
    }
}

// Whether a particle has moved so far since the lists were made that they may lack a pair.
template <class Block>
INLINE bool has_moved_far(Block& b, const System& s, int i, float grid, float half_skin2) {
    float moved2 = 0.0f;
    for (int axis = 0; axis < 3; ++axis) {
        const float moved = grid * (float)wrapped_difference(b.coordinate(i, axis), s.listed[AXES * i + axis]);
        moved2 += moved * moved;
    }
    return !(moved2 < half_skin2);
}

// Add the current positions to the averages of a restrained run.
template <class Block>
INLINE void average(Block& b, const System& s, const Liquid& liquid, const Motion& motion, int64 step) {
    const double grid = liquid.box_length / GRID_STEPS;
    const int half = step > motion.settling + (motion.end - motion.settling) / 2;
    b.each_particle([&](int i) {
        double* sums = s.averages + AXES * ((uint64)half * s.padded + i);
        for (int axis = 0; axis < 3; ++axis) {
            const double u = grid * wrapped_difference(b.coordinate(i, axis), s.centers[AXES * i + axis]);
            sums[axis] += u;
            sums[3] += u * u;
        }
    });
}

// Advance a system by up to `steps` steps, in which the velocities are those half a step before the positions:
//     v <- e (e v + dt F / m),   e = exp(-xi dt / 2)
//     x <- x + dt v
//     xi <- xi + dt / tau^2 (T_kinetic / T - 1)
// This is velocity Verlet with the thermostat of Nose and Hoover, step by step the same as HOOMD-blue's MTTK
// (Martyna, Tobias & Klein, J. Chem. Phys. 101, 4177 (1994)), for which Q = 3 (N - 1) k_B T tau^2; without a thermostat
// e = 1.
template <int MODE, class Block>
INLINE void advance(Block& b, const System& s, const Liquid& liquid, const Motion& motion, int steps) {
    if (s.variables->status != RUNNING) return;
    const double dt = motion.timestep;
    const float grid = grid_of(liquid);
    const double to_grid = dt * GRID_STEPS / liquid.box_length;
    const double farthest = farthest_of(liquid) * GRID_STEPS / liquid.box_length;
    const float half_skin2 = (float)(0.25 * liquid.skin * liquid.skin);
    double xi = s.variables->xi, eta = s.variables->eta;
    int64 step = s.variables->step;
    const int64 last = step + steps;
    while (step < last) {
        forces(b, s, liquid);
        b.sync();  // all threads have read the positions
        const double damping = MODE == THERMOSTATTED ? exp(-0.5 * xi * dt) : 1.0;
        bool far = false;
        double kinetic = 0.0;
        b.each_particle([&](int i) {
            double* v = s.velocities + AXES * i;
            const double mass = mass_of(s, liquid, i), kick = damping * dt / mass;
            bool anew = false;
            if (MODE == RESTRAINED) anew = uniform(random_bits(s.variables->seed, step, i, 0)) < motion.rate * dt;
            if (anew) {  // the velocity at this step is drawn anew; half a kick takes it to the next half step
                double gaussian[3];
                gaussians(s.variables->seed, step, i, gaussian);
                const double thermal = sqrt(motion.temperature / mass);
                for (int axis = 0; axis < 3; ++axis)
                    v[axis] = thermal * gaussian[axis] + 0.5 * kick * (double)b.force(i, axis);
            } else {
                for (int axis = 0; axis < Block::AXES_IN_USE; ++axis)
                    v[axis] = damping * damping * v[axis] + kick * (double)b.force(i, axis);
            }
            int32 moved[AXES];
            bool too_fast = false;
            for (int axis = 0; axis < Block::AXES_IN_USE; ++axis) {
                const double distance = v[axis] * to_grid;
                const bool near = distance > -farthest && distance < farthest;  // false if it is not a number
                moved[axis] = near ? to_nearest(distance) : 0;
                too_fast |= !near;
                kinetic += mass * v[axis] * v[axis];
            }
            if (too_fast) b.set_status(BLOWN_UP, i);
            if (MODE == RESTRAINED) {
                // At the wall of its sphere a particle turns round: a step that would leave it is not made, and the velocity
                // is reversed, so that the next kick by the same force sends it back the way it came. Reversing the
                // radial velocity alone heats: the tangential one is kicked twice without a move in between.
                double out2 = 0.0;
                for (int axis = 0; axis < 3; ++axis) {
                    const int32 from = wrapped_difference(b.coordinate(i, axis), s.centers[AXES * i + axis]);
                    const double out = (double)wrapped_sum(from, moved[axis]);
                    out2 += out * out;
                }
                const double wall = motion.radius * GRID_STEPS / liquid.box_length;
                if (out2 > wall * wall) {
                    for (int axis = 0; axis < 3; ++axis) {
                        v[axis] = -v[axis];
                        moved[axis] = 0;
                    }
                }
            }
            for (int axis = 0; axis < Block::AXES_IN_USE; ++axis) b.move(i, axis, moved[axis]);
            far |= too_fast | has_moved_far(b, s, i, grid, half_skin2);
        });
        step += 1;
        if (MODE == RESTRAINED && step > motion.settling && step % motion.average_every == 0)
            average(b, s, liquid, motion, step);
        far = MODE == THERMOSTATTED ? b.any_and_sum(far, kinetic) : b.any(far);  // all positions are the new ones
        if (MODE == THERMOSTATTED) {
            const double set = motion.start + (motion.stop - motion.start) * (double)(step - 1) / (double)motion.end;
            const double change =
                dt / (motion.coupling_time * motion.coupling_time) * (kinetic / ((3.0 * s.n - 3.0) * set) - 1.0);
            eta += dt * (xi + 0.5 * change);
            xi += change;
        }
        if (far) {
            if (b.status() != RUNNING) break;
            const double share =
                MODE == THERMOSTATTED ? exp(0.5 * dt * xi - eta) : 1.0;  // of the momentum at the start
            renew_lists(b, s, liquid, MODE != RESTRAINED, share);
            if (b.status() != RUNNING) break;
        }
    }
    b.finish(step, xi, eta);
}

// ---- Minimisation ----

// Take a system to a minimum of its potential energy by up to `steps` steps of FIRE 2.0 (Guenole et al., Comput. Mater.
// Sci. 175, 109584 (2020)), until the largest force is below the tolerance.
template <class Block>
INLINE void minimise(Block& b, const System& s, const Liquid& liquid, const Motion& motion, int steps) {
    constexpr int DELAY = 20;
    constexpr double SHORTEST = 1e-4;  // time step
    constexpr double GROWTH = 1.1, SHRINKAGE = 0.5, MIXING = 0.25, MIXING_DECAY = 0.99;
    if (s.variables->status != RUNNING) return;
    const float grid = grid_of(liquid);
    const double per_grid = GRID_STEPS / liquid.box_length;
    const double longest = 0.1 * per_grid;
    const float half_skin2 = (float)(0.25 * liquid.skin * liquid.skin);
    double dt = s.variables->fire_step, mixing = s.variables->fire_mixing, largest = 0.0;
    int64 downhill = s.variables->fire_downhill, step = s.variables->step;
    const int64 last = step + steps;
    int status = RUNNING;
    while (step < last) {
        forces(b, s, liquid);
        b.sync();
        double sums[3] = {0.0, 0.0, 0.0};  // F.v, F.F and v.v
        double most = 0.0;
        b.each_particle([&](int i) {
            double force2 = 0.0;
            for (int axis = 0; axis < 3; ++axis) {
                const double f = b.force(i, axis), v = s.velocities[AXES * i + axis];
                sums[0] += f * v;
                force2 += f * f;
                sums[2] += v * v;
            }
            sums[1] += force2;
            most = force2 > most ? force2 : most;
        });
        b.sum(sums);
        largest = sqrt(b.maximum(most));
        if (largest <= motion.force_tolerance) {
            status = MINIMISED;
            break;
        }
        double back = 0.0;
        if (sums[0] > 0.0) {
            downhill += 1;
            if (downhill > DELAY) {
                dt = dt * GROWTH < motion.timestep ? dt * GROWTH : motion.timestep;
                mixing *= MIXING_DECAY;
            }
        } else {
            downhill = 0;
            if (step > 0) {
                dt = dt * SHRINKAGE > SHORTEST ? dt * SHRINKAGE : SHORTEST;
                mixing = MIXING;
                back = 0.5 * dt;  // half a step back from where the path went uphill
            }
        }
        const bool stopped = sums[0] <= 0.0;
        const double kept = 1.0 - mixing;
        const double turned = stopped || sums[1] == 0.0 ? 0.0 : mixing * sqrt(sums[2] / sums[1]);
        bool far = false;
        b.each_particle([&](int i) {
            for (int axis = 0; axis < 3; ++axis) {
                double* v = s.velocities + AXES * i + axis;
                const double f = b.force(i, axis), before = *v;
                *v = (stopped ? 0.0 : kept * before) + (turned + dt) * f;
                double distance = (dt * *v - back * before) * per_grid;
                distance = distance > -longest ? distance : -longest;
                distance = distance < longest ? distance : longest;
                b.move(i, axis, to_nearest(distance));
            }
            far |= has_moved_far(b, s, i, grid, half_skin2);
        });
        step += 1;
        if (b.any(far)) {
            renew_lists(b, s, liquid, false, 1.0);
            if (b.status() != RUNNING) break;
        }
    }
    b.finish_minimisation(step, dt, mixing, downhill, largest, status);
}

// ---- Measurement ----

// Energy, virial and force of particle i in double precision, from its lists. Half of each pair's energy and virial,
// -r V'(r), belongs to each of its particles.
INLINE void measure(const System& s, const Liquid& liquid, int i, double* energy, double* virial, double* force) {
    const double grid = liquid.box_length / GRID_STEPS;
    double u = 0.0, w = 0.0, f[3] = {0.0, 0.0, 0.0};
    for (int of = 0; of < 2; ++of) {
        const bool i_is_b = i >= s.split;
        const Pair pair = i_is_b == (of == 1) ? (i_is_b ? liquid.bb : liquid.aa) : liquid.ab;
        const uint32* list = list_of(s, i, of);
        for (int word = 0; word < s.words[of * s.padded + i]; ++word, list += LIST_LANES) {
            for (int half = 0; half < 2; ++half) {
                const int j = half ? *list >> 16 : *list & 0xffff;
                double d[3], r2 = 0.0;
                for (int axis = 0; axis < 3; ++axis) {
                    d[axis] = grid * wrapped_difference(s.positions[AXES * i + axis], s.positions[AXES * j + axis]);
                    r2 += d[axis] * d[axis];
                }
                if (j == i || r2 >= pair.cutoff * pair.cutoff) continue;
                const double r = sqrt(r2), s2 = pair.sigma * pair.sigma / r2, s6 = s2 * s2 * s2;
                const double slope = -24.0 * pair.epsilon * (2.0 * s6 * s6 - s6) / r - pair.slope_at_cutoff;
                u += 4.0 * pair.epsilon * (s6 * s6 - s6) - pair.energy_at_cutoff -
                     (r - pair.cutoff) * pair.slope_at_cutoff;
                w -= r * slope;
                for (int axis = 0; axis < 3; ++axis) f[axis] -= slope / r * d[axis];
            }
        }
    }
    *energy = 0.5 * u;
    *virial = 0.5 * w;
    for (int axis = 0; axis < AXES; ++axis) force[axis] = axis < 3 ? f[axis] : 0.0;
}

}  // namespace glassbotan
