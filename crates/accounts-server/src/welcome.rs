//! What a newcomer reads when the service starts on the embedded database.

use std::fmt;
use std::path::Path;

use accounts_api::settings::PublicUrl;

use crate::demo;

/// The first words of the service.
pub struct Welcome<'a> {
    /// Where the service is reached.
    pub url: &'a PublicUrl,
    /// Where mails are files, if they are.
    pub mails: Option<&'a Path>,
    /// Whether the demo account is there.
    pub demo: bool,
    /// The file that the key of the demo's integration is in, if it is.
    pub key: Option<&'a Path>,
}

impl fmt::Display for Welcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Accounts is ready at {}", self.url.as_str())?;
        writeln!(f)?;
        writeln!(f, "  API and docs  {}", self.url.at("/docs"))?;
        if let Some(folder) = self.mails {
            writeln!(
                f,
                "  Mails         {} (none is sent; they are files in {})",
                self.url.at("/mailbox"),
                folder.display()
            )?;
        }
        if self.demo {
            writeln!(f, "  Demo owner    {}, password: {}", demo::ADDRESS, demo::PASSWORD)?;
        }
        if let Some(file) = self.key {
            writeln!(f, "  Demo key      in {}, to call as an integration", file.display())?;
        }
        writeln!(f)?;
        writeln!(f, "  Try:")?;
        if self.demo {
            writeln!(f, "    {}", log_in(self.url))
        } else {
            writeln!(f, "    curl {}", self.url.at("/v1/catalog"))
        }
    }
}

/// A command that logs in. It does without `--json`, which not every curl that is still about knows.
fn log_in(url: &PublicUrl) -> String {
    format!(
        r#"curl {} -H 'Content-Type: application/json' -d '{{"address": "{}", "password": "{}"}}'"#,
        url.at("/v1/sessions"),
        demo::ADDRESS,
        demo::PASSWORD
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newcomer_reads_where_everything_is() {
        let url = PublicUrl::parse("http://localhost:8080").unwrap();
        let told = Welcome {
            url: &url,
            mails: Some(Path::new("data/mail")),
            demo: true,
            key: Some(Path::new("data/demo-integration.key")),
        }
        .to_string();
        for part in [
            "ready at http://localhost:8080\n",
            "http://localhost:8080/docs\n",
            "http://localhost:8080/mailbox (",
            "ana@demo.example, password: seven lamps in the harbour\n",
            "in data/demo-integration.key, to call as an integration\n",
            r#"curl http://localhost:8080/v1/sessions -H 'Content-Type: application/json' -d '{"address": "ana@demo.example", "password": "seven lamps in the harbour"}'"#,
        ] {
            assert!(told.contains(part), "{part} is missing in:\n{told}");
        }
    }

    #[test]
    fn without_a_demo_account_nobody_reads_of_its_password() {
        let url = PublicUrl::parse("http://localhost:8080").unwrap();
        let told = Welcome {
            url: &url,
            mails: None,
            demo: false,
            key: None,
        }
        .to_string();
        assert!(
            !told.contains(demo::PASSWORD) && !told.contains("/mailbox") && !told.contains("Demo"),
            "{told}"
        );
        assert!(told.contains("curl http://localhost:8080/v1/catalog\n"), "{told}");
    }
}
