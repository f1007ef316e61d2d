# From the melt of a Kob-Andersen liquid to a Pearson table.
from snakemake.utils import min_version

min_version("9.0")


configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/simulate.smk" if SIMULATED else "workflow/rules/published.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/learn.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"


report: "workflow/report/study.rst"


wildcard_constraints:
    point=r"T\d+\.\d\d",
    batch=r"\d\d\d+",
    configuration=r"\d\d\d\d+",
    time=r"\d\d+",
    model=r"[A-Za-z][A-Za-z0-9-]*",
    seed=r"\d+(-[nr]\d+)?",
    targets=r"targets(-r\d+)?",


localrules:
    all,


rule all:
    default_target: True
    input:
        rules.score.output,
        rules.simulation_quality.output,
        rules.draw_quality.output,
        rules.draw_relaxation.output if SIMULATED else [],
        rules.draw_pearson.output,
        rules.draw_losses.output,
        maps(),


onsuccess:
    show_table(rules.score.output.readable)
