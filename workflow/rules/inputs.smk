# Functions of the wildcards that give rules their input files and options.

PUT_THERE = "put the published release there, or give another path in the study's file"


def initial_batches(wildcards):
    """Files of the batches that contain the configurations of a batch of ensembles."""
    members = study_of(wildcards).ensemble_batches.members(int(wildcards.batch))
    if not members:
        last = len(study_of(wildcards).ensemble_batches.numbers)
        raise WorkflowError(f"study {wildcards.study} has ensembles b001 to b{last:03d}, not b{wildcards.batch}")
    batches = sorted({study_of(wildcards).simulation_batches.of(configuration) for configuration in members})
    folder = "starts" if point_of(wildcards).starts else "equilibrated"
    return [of_study(wildcards, f"{wildcards.point}/{folder}/b{batch:03d}.gsd") for batch in batches]


def folder_of_ensemble(wildcards):
    """Folder with the ensemble of a configuration."""
    batch = or_workflow_error(study_of(wildcards).ensemble_batches.of, int(wildcards.configuration))
    return of_study(wildcards, f"{wildcards.point}/ensemble/b{batch:03d}")


def starts_of(wildcards):
    """Path and number of the frame of each initial configuration of a batch."""
    found = point_of(wildcards).starting_points()
    return [found[number - 1] for number in study_of(wildcards).simulation_batches.members(int(wildcards.batch))]


def starting_files(wildcards):
    """Files of the initial configurations of a batch, each once."""
    paths = sorted({path for path, _ in starts_of(wildcards)})
    for path in paths:
        if not Path(path).exists():
            raise WorkflowError(f"{path}, of which the ensembles are to start, does not exist; {PUT_THERE}")
    return paths


def starting_points(wildcards):
    """The same as arguments, with the frames."""
    return [path if frame is None else f"{path}#{frame}" for path, frame in starts_of(wildcards)]


def published_files(wildcards):
    """The published files of a configuration, in order of the sampling times, or its targets file in another study."""
    other = point_of(wildcards).further_targets(int(wildcards.configuration))
    if other is not None:
        if wildcards.targets != "targets":
            raise WorkflowError(
                f"{other} holds averages over all replicas; a learning curve over replicas needs others"
            )
        if not Path(other).exists():
            raise WorkflowError(f"{other} does not exist; run the study that makes it first, or give another path")
        return [other]
    found = []
    for pattern in point_of(wildcards).files_of(int(wildcards.configuration)):
        matches = glob.glob(pattern)
        if len(matches) != 1:
            raise WorkflowError(f"{pattern} matches {len(matches)} files, but one was expected; {PUT_THERE}")
        found += matches
    return found


def format_of(wildcards):
    """The format of the files of a configuration."""
    other = point_of(wildcards).further_targets(int(wildcards.configuration))
    return study_of(wildcards).source if other is None else "targets"


def published_start(wildcards):
    """Settings of the published weights with this name."""
    for start in (start for model in study_of(wildcards).models for start in model.starts):
        if start.weights is not None and start.settings.name == wildcards.model:
            return start
    raise WorkflowError(f"study {wildcards.study} has no published weights that are called {wildcards.model}")


def published_weights(wildcards):
    """File of the published weights for a seed."""
    path = published_start(wildcards).weights.replace("{seed}", wildcards.seed)
    if not Path(path).exists():
        raise WorkflowError(f"{path} does not exist; {PUT_THERE}")
    return path


def weights_options(wildcards):
    start = published_start(wildcards)
    return options(
        wildcards,
        model=start.settings.for_fitting(),
        temperature=start.temperature,
        time=start.time,
        seed=int(wildcards.seed),
        liquid=study_of(wildcards).liquid,
        learnt_from=start.weights_learnt_from,
    )


def fit_options(wildcards):
    # Not a function of `input`, because Snakemake does not notice changes of such params.
    run = run_of(wildcards)
    if run.folder != run.fit_folder:
        raise WorkflowError(
            f"{run.model.name} is fitted once for all its temperatures; ask for "
            + of_study(wildcards, layout.fitted(run))
        )
    return options(
        wildcards,
        temperature=run.point.temperature,
        time_indices=run.time_indices,
        seed=run.seed,
        train=run.train,
        validation=study_of(wildcards).configurations.validation,
        model=run.model.for_fitting(),
        initial=starts_of_fit(wildcards),
    )


def starts_of_fit(wildcards):
    """Files of the fitted predictors that a fit starts from."""
    return of_study(wildcards, layout.starts(study_of(wildcards), run_of(wildcards)))


def transfer_of(wildcards):
    """Number of the model's time that is used, and the state point and number of the sampling time that are scored."""
    from_time, _, label, time = wildcards.transfer.split("-")
    return int(from_time[1:]), or_workflow_error(study_of(wildcards).point, label), int(time[1:])


def transfer_options(wildcards):
    from_index, point, time_index = transfer_of(wildcards)
    return options(
        wildcards,
        temperature=point.temperature,
        time_indices=(time_index,),
        from_indices=(from_index,),
        prediction=run_of(wildcards).model.for_prediction(),
    )


def half_samples_of(wildcards):
    """The table with the scores of the fits to half samples, for the table of the study's own fits."""
    if wildcards.comparison != "pearson" or study_of(wildcards).half_samples is None:
        return []
    return of_study(wildcards, layout.of_configurations(layout.HALF_SAMPLES))


def score_options(wildcards):
    study = study_of(wildcards)
    compared = or_workflow_error(layout.compared, study, wildcards.comparison)
    return options(
        wildcards,
        scores=study.scores,
        published=study.liquid.is_the_papers,
        setting=compared.setting,
        values=json.dumps(compared.values) if compared.values else None,
        times=compared.times,
        half_samples=half_samples_of(wildcards),
    )


def variants_of_study(wildcards):
    """The study and its variants, by their folders."""
    if not study_of(wildcards).variants:
        raise WorkflowError(f"study {wildcards.study} has no section variants, which this table compares")
    return {f"results/{name}": study for name, study in STUDIES.items()}


def report_options(wildcards):
    # The report shows the figures on request that exist. They are not inputs, because then a changed setting would make
    # all their models be fitted again.
    on_request = of_study(wildcards, map(layout.figure, drawn_in(study_of(wildcards), on_request=True)))
    return options(
        wildcards,
        folder=of_study(wildcards, ""),
        on_request=tuple(path for path in on_request if Path(path).exists()),
    )


def figure_inputs(wildcards):
    """Files and settings that a figure is drawn from."""
    _, inputs = or_workflow_error(figure_named, study_of(wildcards), wildcards.figure)
    return inputs
