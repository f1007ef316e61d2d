#include "cuda_on_cpu.hpp"
// The source of the kernels; the order matters.
#include "gpu.cu"

namespace {

struct Arguments {
    Liquid liquid;
    Motion motion;
    Arrays arrays;
    Scratch scratch;
    const int32* steps;
    void* out[3];
};

}  // namespace

#define FUNCTION(NAME, CALL)                                                         \
    extern "C" int emulated_##NAME(const Arguments* a, int blocks_x, int blocks_y) { \
        for (blockIdx.y = 0; blockIdx.y < blocks_y; ++blockIdx.y)                    \
            for (blockIdx.x = 0; blockIdx.x < blocks_x; ++blockIdx.x)                \
                if (!fibers::run_block(                                              \
                        [](void* given) {                                            \
                            const Arguments& a = *(const Arguments*)given;           \
                            CALL;                                                    \
                        },                                                           \
                        (void*)a))                                                   \
                    return 1;                                                        \
        return 0;                                                                    \
    }

FUNCTION(glassbotan_make_lists, glassbotan_make_lists(a.liquid, a.arrays, a.scratch))
FUNCTION(glassbotan_constant_energy, glassbotan_constant_energy(a.liquid, a.motion, a.arrays, a.scratch, a.steps))
FUNCTION(glassbotan_thermostatted, glassbotan_thermostatted(a.liquid, a.motion, a.arrays, a.scratch, a.steps))
FUNCTION(glassbotan_restrained, glassbotan_restrained(a.liquid, a.motion, a.arrays, a.scratch, a.steps))
FUNCTION(glassbotan_minimise, glassbotan_minimise(a.liquid, a.motion, a.arrays, a.scratch, a.steps))
FUNCTION(glassbotan_forces, glassbotan_forces(a.liquid, a.arrays, a.scratch, (float*)a.out[0]))
FUNCTION(glassbotan_measure,
         glassbotan_measure(a.liquid, a.arrays, (double*)a.out[0], (double*)a.out[1], (double*)a.out[2]))
