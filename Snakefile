# The workflow, from the melt of a Kob-Andersen liquid to a table of Pearson coefficients.
from snakemake.utils import min_version

min_version("9.0")


# A file that is given with --configfile is the whole study. config.yaml is read only if none is given.
if not workflow.config_settings.configfiles:

    configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/simulate.smk" if STUDY.simulates else "workflow/rules/published.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/structure.smk"
include: "workflow/rules/weights.smk"
include: "workflow/rules/predict.smk"
include: "workflow/rules/evaluate.smk"


wildcard_constraints:
    study="|".join(map(re.escape, STUDIES)),
    point=r"T\d+\.\d\d",
    batch=r"\d\d\d+",
    configuration=r"\d\d\d\d+",
    time=r"t\d\d+|all",
    model=r"[A-Za-z][A-Za-z0-9.-]*",
    variant=r"(\+[A-Za-z0-9.-]+)?",
    seed=r"\d+",
    transfer=r"t\d\d+-on-T\d+\.\d\d-t\d\d+",
    comparison=r"pearson|half_samples|learning_curve|transfer|ablation_\w+",
    targets=r"targets(-r\d+)?",


localrules:
    all,
    resolved_study,


rule all:
    default_target: True
    input:
        expand(
            [f"{RESULTS}/{path}" for path in (layout.SCORES, *map(layout.figure, drawn_in(STUDY)), "report.html")],
            study=STUDY.name,
        ),


onsuccess:
    show_table(f"results/{STUDY.name}/{layout.SCORES}".replace(".csv", ".txt"))
