//! Operators, as they are kept.

use accounts_domain::audit;
use accounts_domain::operators::Operator;
use diesel::prelude::*;

use crate::audit::Origin;
use crate::error::StoreError;
use crate::rows::stored;
use crate::schema::operators;
use crate::store::{Act, Store};

impl Store {
    /// Adds an operator, with its audit event. Answers `false`, and changes nothing, where the address has one already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create_operator(&self, operator: Operator, act: &Act) -> Result<bool, StoreError> {
        let act = act.clone();
        self.change(move |conn| {
            let row = (
                operators::id.eq(operator.id.to_string()),
                operators::address.eq(operator.address.as_str()),
                operators::address_key.eq(operator.address.key()),
                operators::display_name.eq(operator.display_name.as_str()),
                operators::kind.eq(operator.kind.as_str()),
                operators::password_hash.eq(&operator.password_hash.0),
                operators::status.eq("active"),
                operators::created_at.eq(stored(operator.created_at)),
                operators::updated_at.eq(stored(operator.created_at)),
            );
            if crate::backend::insert_if_absent!(conn, operators::table, row)? == 0 {
                return Ok(false);
            }
            crate::audit::record(conn, Origin::Provider, 0, &[audit::operator_created(&operator)], &act)?;
            Ok(true)
        })
        .await
    }
}
