# The simulations: melt, quench and equilibration (one job for a batch of configurations), then the isoconfigurational
# ensemble and its targets (one job for each configuration).
# The engine fused runs one system on each of a job's threads. With more jobs than cores, one thread for each job keeps
# all cores busy; with fewer, give the jobs more, for example with `--set-threads ensemble=8`.


rule melt:
    output:
        batch=f"{RESULTS}/{{point}}/melt/b{{batch}}.gsd",
    log:
        f"{RESULTS}/logs/melt/{{point}}-b{{batch}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/melt/{{point}}-b{{batch}}.tsv"
    conda:
        SIMULATE
    threads: 1
    resources:
        mem_mb=2000,
        gpu=SIMULATION_GPUS,
        runtime="12h",
    params:
        version=STAGE_VERSIONS["melt"],
        options=lambda wildcards: options(
            wildcards,
            seed=study_of(wildcards).seed,
            temperature=point_of(wildcards).temperature,
            configurations=study_of(wildcards).simulation_batches.members(int(wildcards.batch)),
            liquid=study_of(wildcards).liquid,
            integrator=point_of(wildcards).integrator(study_of(wildcards).integrator),
            melt=study_of(wildcards).melt,
        ),
    shell:
        "python -m glassbotan melt {params.options} --threads {threads} --output {output.batch} > {log} 2>&1"


rule quench:
    input:
        batch=rules.melt.output.batch,
    output:
        batch=f"{RESULTS}/{{point}}/quench/b{{batch}}.gsd",
    log:
        f"{RESULTS}/logs/quench/{{point}}-b{{batch}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/quench/{{point}}-b{{batch}}.tsv"
    conda:
        SIMULATE
    threads: 1
    resources:
        mem_mb=2000,
        gpu=SIMULATION_GPUS,
        runtime="1h",
    params:
        version=STAGE_VERSIONS["quench"],
        options=lambda wildcards: options(
            wildcards,
            temperature=point_of(wildcards).temperature,
            melt_temperature=study_of(wildcards).melt.temperature,
            integrator=point_of(wildcards).integrator(study_of(wildcards).integrator),
            quench=study_of(wildcards).quench,
        ),
    shell:
        "python -m glassbotan quench {params.options} --threads {threads} --input {input.batch} --output {output.batch} > {log} 2>&1"


rule equilibrate:
    input:
        batch=rules.quench.output.batch,
    output:
        batch=f"{RESULTS}/{{point}}/equilibrated/b{{batch}}.gsd",
    log:
        f"{RESULTS}/logs/equilibrate/{{point}}-b{{batch}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/equilibrate/{{point}}-b{{batch}}.tsv"
    conda:
        SIMULATE
    threads: 1
    resources:
        mem_mb=2000,
        gpu=SIMULATION_GPUS,
        runtime="7d",
    params:
        version=STAGE_VERSIONS["equilibrate"],
        options=lambda wildcards: options(
            wildcards,
            temperature=point_of(wildcards).temperature,
            time=study_of(wildcards).equilibration_time(point_of(wildcards)),
            integrator=point_of(wildcards).integrator(study_of(wildcards).integrator),
        ),
    shell:
        "python -m glassbotan equilibrate {params.options} --threads {threads} --input {input.batch} --output {output.batch} > {log} 2>&1"


rule starts:
    input:
        files=starting_files,
    output:
        batch=f"{RESULTS}/{{point}}/starts/b{{batch}}.gsd",
    log:
        f"{RESULTS}/logs/starts/{{point}}-b{{batch}}.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=2000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["starts"],
        files=starting_points,
        options=lambda wildcards: options(
            wildcards,
            temperature=point_of(wildcards).temperature,
            configurations=study_of(wildcards).simulation_batches.members(int(wildcards.batch)),
            liquid=study_of(wildcards).liquid,
        ),
    shell:
        "python -m glassbotan starts {params.options} --output {output.batch} {params.files:q} > {log} 2>&1"


rule ensemble:
    input:
        batches=initial_batches,
    output:
        ensembles=directory(f"{RESULTS}/{{point}}/ensemble/b{{batch}}"),
    log:
        f"{RESULTS}/logs/ensemble/{{point}}-b{{batch}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/ensemble/{{point}}-b{{batch}}.tsv"
    conda:
        SIMULATE
    threads: 1
    resources:
        mem_mb=2000,
        gpu=SIMULATION_GPUS,
        runtime="7d",
    params:
        version=STAGE_VERSIONS["ensemble"],
        options=lambda wildcards: options(
            wildcards,
            seed=study_of(wildcards).seed,
            temperature=point_of(wildcards).temperature,
            configurations=study_of(wildcards).ensemble_batches.members(int(wildcards.batch)),
            times=point_of(wildcards).sampling_times,
            integrator=point_of(wildcards).integrator(study_of(wildcards).integrator),
            ensemble=study_of(wildcards).ensemble,
        ),
    shell:
        "python -m glassbotan ensemble {params.options} --threads {threads} --output {output.ensembles} "
        "{input.batches} > {log} 2>&1"


rule targets:
    input:
        ensembles=folder_of_ensemble,
    output:
        targets=f"{RESULTS}/{{point}}/{{targets}}/c{{configuration}}.npz",
    log:
        f"{RESULTS}/logs/{{targets}}/{{point}}-c{{configuration}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{targets}}/{{point}}-c{{configuration}}.tsv"
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=2000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["targets"],
        ensemble=lambda wildcards, input: layout.ensemble_in(input.ensembles, int(wildcards.configuration)),
        options=lambda wildcards: options(
            wildcards, temperature=point_of(wildcards).temperature, targets=targets_settings(wildcards)
        ),
    shell:
        "python -m glassbotan targets {params.options} --input {params.ensemble} --output {output.targets} > {log} 2>&1"


rule simulate:
    input:
        expand([f"{RESULTS}/{path}" for path in layout.ensembles(STUDY)], study=STUDY.name),
