//! What everybody knows of a person: the words that no password is made of (R04).

use accounts_domain::ids::{ResetId, UserId};
use diesel::prelude::*;

use crate::backend::Conn;
use crate::error::{Fault, StoreError};
use crate::schema::{accounts, memberships, password_resets, users};
use crate::store::Store;

/// How many accounts are asked for their name.
const ACCOUNTS: i64 = 50;

impl Store {
    /// Reads the address and the name of a user, and the names of the accounts that it is a member of.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn words_of_user(&self, user: UserId) -> Result<Vec<String>, StoreError> {
        self.lanes.read(move |conn| words_of(conn, &user.to_string())).await
    }

    /// The same of the user whom a reset link belongs to.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn words_of_reset(&self, reset: ResetId) -> Result<Vec<String>, StoreError> {
        let work = move |conn: &mut Conn| {
            let user = password_resets::table
                .find(reset.to_string())
                .select(password_resets::user_id)
                .first::<String>(conn)
                .optional()?;
            user.map_or_else(|| Ok(Vec::new()), |user| words_of(conn, &user))
        };
        self.lanes.read(work).await
    }
}

fn words_of(conn: &mut Conn, user: &str) -> Result<Vec<String>, Fault> {
    let own = users::table
        .find(user)
        .select((users::address, users::display_name))
        .first::<(String, String)>(conn)
        .optional()?;
    let mut words: Vec<String> = memberships::table
        .inner_join(accounts::table)
        .filter(memberships::user_id.eq(user))
        .order(memberships::account_id)
        .limit(ACCOUNTS)
        .select(accounts::name)
        .load(conn)?;
    words.extend(own.map(<[String; 2]>::from).into_iter().flatten());
    Ok(words)
}
