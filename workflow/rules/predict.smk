# Predictors, and their predictions of the test configurations.


rule accept:
    input:
        targets=lambda wildcards: of_study(
            wildcards, layout.targets(wildcards.point, study_of(wildcards).configurations.learnt_from)
        ),
    output:
        accepted=f"{RESULTS}/{{point}}/accepted.json",
    log:
        f"{RESULTS}/logs/accept/{{point}}.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=2000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["accept"],
        options=lambda wildcards: options(
            wildcards, temperature=point_of(wildcards).temperature, limits=study_of(wildcards).limits
        ),
    shell:
        "python -m glassbotan accept {params.options} --output {output.accepted} {input.targets} > {log} 2>&1"


rule fit:
    input:
        # The dates of these files are ignored, so that changed limits do not make the fits run again.
        accepted=lambda wildcards: [
            ancient(of_study(wildcards, f"{point.label}/accepted.json")) for point in run_of(wildcards).fitted_to
        ],
        targets=lambda wildcards: of_study(wildcards, layout.learnt_from(study_of(wildcards), run_of(wildcards))),
        starts=starts_of_fit,
    output:
        predictor=f"{RESULTS}/{{point}}/{{time}}/{{model}}{{variant}}/seed{{seed}}/{layout.FITTED}",
        history=f"{RESULTS}/{{point}}/{{time}}/{{model}}{{variant}}/seed{{seed}}/{layout.HISTORY}",
    log:
        f"{RESULTS}/logs/fit/{{point}}-{{time}}-{{model}}{{variant}}-seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/fit/{{point}}-{{time}}-{{model}}{{variant}}-seed{{seed}}.tsv"
    # Networks take longest: they start before the structures that other models need are made.
    priority: 1
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=16000,
        gpu=TRAINING_GPUS,
        runtime="1d",
    params:
        version=STAGE_VERSIONS["fit"],
        options=fit_options,
    shell:
        "python -m glassbotan fit {params.options} --output {output.predictor} {input.targets} > {log} 2>&1"


rule predict:
    input:
        predictor=lambda wildcards: of_study(wildcards, layout.fitted(run_of(wildcards))),
        targets=lambda wildcards: of_study(
            wildcards, layout.tested_on(study_of(wildcards), run_of(wildcards), point_of(wildcards))
        ),
    output:
        predictions=f"{RESULTS}/{{point}}/{{time}}/{{model}}{{variant}}/seed{{seed}}/{layout.PREDICTIONS}",
    log:
        f"{RESULTS}/logs/predict/{{point}}-{{time}}-{{model}}{{variant}}-seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/predict/{{point}}-{{time}}-{{model}}{{variant}}-seed{{seed}}.tsv"
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=8000,
        runtime="1h",
    params:
        version=STAGE_VERSIONS["predict"],
        options=lambda wildcards: options(
            wildcards,
            temperature=point_of(wildcards).temperature,
            time_indices=run_of(wildcards).time_indices,
            prediction=run_of(wildcards).model.for_prediction(),
        ),
    shell:
        "python -m glassbotan predict-test {params.options} --predictor {input.predictor} --output {output.predictions} {input.targets} > {log} 2>&1"


rule transfer:
    input:
        predictor=lambda wildcards: of_study(wildcards, layout.fitted(run_of(wildcards))),
        targets=lambda wildcards: of_study(
            wildcards, layout.tested_on(study_of(wildcards), run_of(wildcards), transfer_of(wildcards)[1])
        ),
    output:
        predictions=f"{RESULTS}/{{point}}/{{time}}/{{model}}{{variant}}/seed{{seed}}/{{transfer}}.npz",
    log:
        f"{RESULTS}/logs/transfer/{{point}}-{{time}}-{{model}}{{variant}}-seed{{seed}}-{{transfer}}.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=8000,
        runtime="1h",
    params:
        version=STAGE_VERSIONS["predict"],
        options=transfer_options,
    shell:
        "python -m glassbotan predict-test {params.options} --predictor {input.predictor} --output {output.predictions} {input.targets} > {log} 2>&1"
