//! Users that are brought along from another system, with the hashes of their passwords.

use accounts_domain::audit;
use accounts_domain::users::User;

use crate::audit::Origin;
use crate::error::StoreError;
use crate::store::{Act, Store};
use crate::users;

impl Store {
    /// Adds users, each with its audit event, all of them or none. Answers for each whether it was added: one whose
    /// address has a user already stays as it is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn import_users(&self, users: Vec<User>, act: &Act) -> Result<Vec<bool>, StoreError> {
        let act = act.clone();
        self.change(move |conn| {
            let mut added = Vec::with_capacity(users.len());
            for user in &users {
                let is_new = users::insert(conn, user)?;
                if is_new {
                    let origin = Origin::User(user.id);
                    crate::audit::record(conn, origin, user.revision, &[audit::user_imported(user)], &act)?;
                }
                added.push(is_new);
            }
            Ok(added)
        })
        .await
    }
}
