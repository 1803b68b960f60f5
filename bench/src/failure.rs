//! Why a measurement could not be made.

/// In words for whoever runs the bench.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What a step answers.
pub type Outcome<T> = Result<T, Failure>;

/// Names the step that failed.
pub fn while_doing<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> Failure + '_ {
    move |error| format!("{what}: {error}").into()
}
