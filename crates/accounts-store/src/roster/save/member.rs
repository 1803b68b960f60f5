//! Saves what changes of a membership.

use std::collections::BTreeSet;

use accounts_domain::ids::{ContactId, UserId};
use accounts_domain::keys::CategoryKey;
use accounts_domain::permission::Permissions;
use accounts_domain::roster::MemberStatus;
use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use super::{Saving, permissions_json};
use crate::api_keys;
use crate::error::Fault;
use crate::rows::stored;
use crate::schema::{member_subscriptions, memberships};

/// The columns that change; what is absent stays.
#[derive(Default, AsChangeset)]
#[diesel(table_name = memberships)]
#[expect(
    clippy::option_option,
    reason = "a column that stays and one that is emptied are two cases"
)]
struct Columns {
    contact_id: Option<String>,
    permissions: Option<String>,
    status: Option<&'static str>,
    expires_at: Option<Option<NaiveDateTime>>,
}

impl Saving<'_> {
    pub(super) fn link_member(&mut self, user: UserId, contact: ContactId) -> Result<(), Fault> {
        let contact_id = Some(contact.to_string());
        self.change_member(
            user,
            Columns {
                contact_id,
                ..Columns::default()
            },
        )?;
        self.end_login_request(contact)
    }

    pub(super) fn change_permissions(&mut self, user: UserId, permissions: &Permissions) -> Result<(), Fault> {
        let permissions = Some(permissions_json(permissions)?);
        self.change_member(
            user,
            Columns {
                permissions,
                ..Columns::default()
            },
        )
    }

    pub(super) fn change_member_status(&mut self, user: UserId, status: MemberStatus) -> Result<(), Fault> {
        let status = Some(status.as_str());
        self.change_member(
            user,
            Columns {
                status,
                ..Columns::default()
            },
        )
    }

    pub(super) fn change_expiry(&mut self, user: UserId, expires_at: Option<DateTime<Utc>>) -> Result<(), Fault> {
        let expires_at = Some(expires_at.map(stored));
        self.change_member(
            user,
            Columns {
                expires_at,
                ..Columns::default()
            },
        )
    }

    pub(super) fn change_wishes(&mut self, user: UserId, categories: &BTreeSet<CategoryKey>) -> Result<(), Fault> {
        self.delete_wishes(user)?;
        for category in categories {
            diesel::insert_into(member_subscriptions::table)
                .values((
                    member_subscriptions::account_id.eq(&self.account),
                    member_subscriptions::user_id.eq(user.to_string()),
                    member_subscriptions::category.eq(category.as_str()),
                ))
                .execute(self.conn)?;
        }
        self.change_member(user, Columns::default())
    }

    fn delete_wishes(&mut self, user: UserId) -> Result<(), Fault> {
        let rows = member_subscriptions::table
            .filter(member_subscriptions::account_id.eq(&self.account))
            .filter(member_subscriptions::user_id.eq(user.to_string()));
        diesel::delete(rows).execute(self.conn)?;
        Ok(())
    }

    pub(super) fn remove_member(&mut self, user: UserId) -> Result<(), Fault> {
        self.delete_wishes(user)?;
        api_keys::delete_of_member(self.conn, &self.account, user)?;
        diesel::delete(memberships::table.find((&self.account, user.to_string()))).execute(self.conn)?;
        Ok(())
    }

    fn change_member(&mut self, user: UserId, columns: Columns) -> Result<(), Fault> {
        diesel::update(memberships::table.find((&self.account, user.to_string())))
            .set((
                columns,
                memberships::version.eq(memberships::version + 1),
                memberships::updated_at.eq(stored(self.at)),
            ))
            .execute(self.conn)?;
        Ok(())
    }
}
