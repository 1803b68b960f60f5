//! Reads a catalog by the name of a preset or from a file.

use std::path::Path;

use accounts_domain::catalog::Catalog;

/// Reads and checks a catalog.
///
/// # Errors
/// Every fault, each with the path of its key.
pub fn read(name_or_file: &Path) -> Result<Catalog, Vec<String>> {
    let faults = |faults: Vec<accounts_domain::catalog::CatalogFault>| faults.iter().map(ToString::to_string).collect();
    if let Some(preset) = name_or_file.to_str().and_then(Catalog::preset) {
        return Catalog::parse(preset).map_err(faults);
    }
    let document = std::fs::read_to_string(name_or_file).map_err(|error| {
        vec![format!(
            "there is no preset of this name (there are {}), and no such file: {error}",
            Catalog::PRESETS.join(", ")
        )]
    })?;
    Catalog::parse(&document).map_err(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_is_known_by_its_name_and_everything_else_is_a_file() {
        for name in Catalog::PRESETS {
            assert_eq!(read(Path::new(name)).unwrap().name(), name);
        }
        let problems = read(Path::new("no-such-preset")).unwrap_err();
        assert!(problems[0].contains("standard, saas-suite"), "{problems:?}");
        assert!(!problems[0].contains("no-such-preset"), "{problems:?}");
    }

    #[test]
    fn every_fault_of_a_file_is_told_with_its_path() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("catalog.toml");
        std::fs::write(&file, "name = \"mine\"\nnonsense = 1\n[policy]\ncontact_limit = 0\n").unwrap();
        let problems = read(&file).unwrap_err();
        for path in ["nonsense", "policy.contact_limit"] {
            assert!(
                problems.iter().any(|problem| problem.starts_with(&format!("{path}: "))),
                "{problems:?}"
            );
        }
    }
}
