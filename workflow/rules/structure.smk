# The states behind the thermal structures: inherent structures, cage states, short ensembles and normal modes. They are
# made from the positions in the targets files, so also for published configurations.


rule structure:
    input:
        targets=f"{RESULTS}/{{point}}/targets/c{{configuration}}.npz",
    output:
        structure=f"{RESULTS}/{{point}}/structure/c{{configuration}}.npz",
    log:
        f"{RESULTS}/logs/structure/{{point}}-c{{configuration}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/structure/{{point}}-c{{configuration}}.tsv"
    conda:
        SIMULATE
    threads: 1
    resources:
        mem_mb=4000,
        gpu=STRUCTURE_GPUS,
        runtime="4h",
    params:
        version=STAGE_VERSIONS["structure"],
        options=lambda wildcards: options(
            wildcards,
            seed=study_of(wildcards).seed,
            temperature=point_of(wildcards).temperature,
            states=study_of(wildcards).states,
            structure=study_of(wildcards).structure,
            integrator=point_of(wildcards).integrator(study_of(wildcards).integrator),
        ),
    shell:
        "python -m glassbotan structure {params.options} --threads {threads} --output {output.structure} {input.targets} > {log} 2>&1"
