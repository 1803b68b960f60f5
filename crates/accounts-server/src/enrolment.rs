//! The second factor of an operator: made here, sealed for the database, and shown once.

use std::path::Path;

use accounts_api::tokens::random_bytes;
use accounts_api::vault::{Vault, VaultPurpose};
use accounts_domain::address::EmailAddress;
use accounts_domain::ids::OperatorId;
use accounts_domain::operators::SealedFactor;
use accounts_domain::totp::{SECRET_BYTES, TotpSecret};

use crate::failure::Failure;
use crate::secrets::{self, Master};

/// What authenticator apps call the log-in, so that nobody takes it for one of a customer.
const ISSUER: &str = "Accounts operators";

/// A second factor that was just made. There is no `Debug`.
pub struct Enrolment {
    /// For the database.
    pub sealed: SealedFactor,
    secret: TotpSecret,
}

impl Enrolment {
    /// Makes one up for this operator.
    ///
    /// # Errors
    /// Where the machine has no randomness.
    pub fn make(vault: &Vault, operator: OperatorId) -> Result<Self, Failure> {
        let no_randomness = || Failure::Failed("the machine has no randomness".to_owned());
        let bytes: [u8; SECRET_BYTES] = random_bytes().ok_or_else(no_randomness)?;
        let sealed = vault.seal(VaultPurpose::OperatorFactor, &operator.to_string(), &bytes);
        Ok(Self {
            sealed: SealedFactor(sealed.ok_or_else(no_randomness)?),
            secret: TotpSecret::from_bytes(bytes),
        })
    }

    /// What the operator types or photographs into an authenticator app, shown this once.
    pub fn told(&self, address: &EmailAddress) -> String {
        format!(
            "The second factor, which is shown this once, for an authenticator app: {}\nThe same as an address: {}\n",
            self.secret.base32(),
            self.secret.uri(ISSUER, address.as_str())
        )
    }
}

/// The vault of the service with this secret; on the embedded database one is made where there is none yet.
///
/// # Errors
/// Where it cannot be made.
pub fn vault(secret: Option<Master>, data: &Path) -> Result<Vault, Failure> {
    let master = match secret {
        Some(master) => master,
        None => secrets::make(data).map_err(|problem| Failure::while_doing("making the secret", problem))?,
    };
    let keys = master.keys().map_err(|error| Failure::Failed(error.to_string()))?;
    Ok(Vault::new(keys.vault))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_what_is_sealed() {
        let place = tempfile::tempdir().unwrap();
        let vault = vault(None, place.path()).unwrap();
        let operator: OperatorId = "opr_01h455vb4pex5vsknk084sn02q".parse().unwrap();
        let made = Enrolment::make(&vault, operator).unwrap();
        let told = made.told(&EmailAddress::parse("sam@provider.example").unwrap());
        let opened = vault.open(VaultPurpose::OperatorFactor, &operator.to_string(), &made.sealed.0);
        let secret = TotpSecret::from_bytes(opened.unwrap().try_into().unwrap());
        assert!(told.contains(&secret.base32()));
        assert!(told.contains("otpauth://totp/Accounts%20operators:sam%40provider.example?"));
    }
}
