//! Which tables are read together, and the list of all of them.

use diesel::{allow_tables_to_appear_in_same_query, joinable};

use super::{
    account_reviews, accounts, api_keys, audit_events, audit_horizon, audit_trimmed, audit_values, contact_addresses,
    contact_phones, contact_subscriptions, contact_verifications, contacts, email_changes, feed, idempotency_keys,
    integration_keys, integrations, invitations, join_requests, mails, member_subscriptions, memberships,
    notifications, operator_sessions, operators, owners, ownership_transfers, password_resets, refresh_tokens,
    role_holders, role_primaries, second_factor_challenges, second_factors, sessions, sign_ups, throttles, users,
    webhook_deliveries, webhooks,
};

joinable!(owners -> accounts (account_id));
joinable!(owners -> contacts (contact_id));
joinable!(owners -> users (user_id));
joinable!(contacts -> accounts (account_id));
joinable!(contact_addresses -> contacts (contact_id));
joinable!(role_holders -> contacts (contact_id));
joinable!(role_primaries -> contacts (contact_id));
joinable!(memberships -> accounts (account_id));
joinable!(memberships -> contacts (contact_id));
joinable!(memberships -> users (user_id));
joinable!(invitations -> accounts (account_id));
joinable!(sessions -> users (user_id));
joinable!(operator_sessions -> operators (operator_id));
joinable!(refresh_tokens -> sessions (session_id));
joinable!(password_resets -> users (user_id));
joinable!(api_keys -> users (user_id));
joinable!(email_changes -> users (user_id));
joinable!(join_requests -> users (user_id));
joinable!(integration_keys -> integrations (integration_id));
joinable!(second_factors -> users (user_id));
joinable!(audit_values -> audit_events (event_id));
joinable!(feed -> audit_events (event_id));
joinable!(webhooks -> integrations (integration_id));
joinable!(webhook_deliveries -> webhooks (webhook_id));

/// Hands the list of all tables to another macro.
macro_rules! with_all_tables {
    ($apply:ident) => {
        $apply! {
            users,
            accounts,
            contacts,
            contact_addresses,
            contact_phones,
            contact_subscriptions,
            memberships,
            member_subscriptions,
            owners,
            role_holders,
            role_primaries,
            ownership_transfers,
            account_reviews,
            invitations,
            sessions,
            refresh_tokens,
            sign_ups,
            password_resets,
            email_changes,
            contact_verifications,
            audit_events,
            audit_values,
            audit_horizon,
            audit_trimmed,
            mails,
            notifications,
            idempotency_keys,
            operators,
            operator_sessions,
            throttles,
            api_keys,
            integrations,
            integration_keys,
            join_requests,
            second_factors,
            second_factor_challenges,
            feed,
            webhooks,
            webhook_deliveries,
        }
    };
}

with_all_tables!(allow_tables_to_appear_in_same_query);

pub(crate) use with_all_tables;
