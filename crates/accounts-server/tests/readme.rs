//! What the documents tell a newcomer is done here with the binary that is shipped.

#[cfg(test)]
#[path = "readme/pages.rs"]
mod pages;
#[cfg(test)]
#[path = "readme/service.rs"]
mod service;
#[cfg(test)]
#[path = "readme/settings.rs"]
mod settings;
#[cfg(test)]
#[path = "readme/tour.rs"]
mod tour;
