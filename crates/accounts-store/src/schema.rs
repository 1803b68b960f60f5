//! The tables as both databases declare them: one definition for two dialects.
//!
//! Ids, names and JSON are text, instants are `TIMESTAMP` in UTC truncated to microseconds. A test
//! compares this list with what the migrations of each database really made.

use diesel::table;

pub(crate) mod conditions;
mod joins;

pub(crate) use joins::with_all_tables;

table! {
    users (id) {
        id -> Text,
        address -> Text,
        address_key -> Text,
        display_name -> Text,
        language -> Text,
        password_hash -> Nullable<Text>,
        status -> Text,
        deliverability -> Nullable<Text>,
        revision -> BigInt,
        version -> BigInt,
        password_changed_at -> Nullable<Timestamp>,
        last_login_at -> Nullable<Timestamp>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

table! {
    accounts (id) {
        id -> Text,
        name -> Text,
        sort_key -> Text,
        language -> Text,
        phone -> Nullable<Text>,
        postal_address -> Nullable<Text>,
        tax_id -> Nullable<Text>,
        external_id -> Nullable<Text>,
        status -> Text,
        contact_limit -> Nullable<Integer>,
        second_factor_required -> Bool,
        revision -> BigInt,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

table! {
    contacts (id) {
        account_id -> Text,
        id -> Text,
        display_name -> Text,
        first_name -> Nullable<Text>,
        last_name -> Nullable<Text>,
        title -> Nullable<Text>,
        language -> Text,
        sort_key -> Text,
        address_key -> Text,
        verified -> Bool,
        pending_address_key -> Nullable<Text>,
        login_requested -> Bool,
        login_permissions -> Nullable<Text>,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

table! {
    contact_addresses (account_id, address_key) {
        account_id -> Text,
        contact_id -> Text,
        address_key -> Text,
        address -> Text,
        verified -> Bool,
        verified_at -> Nullable<Timestamp>,
        deliverability -> Nullable<Text>,
        created_at -> Timestamp,
    }
}

table! {
    contact_phones (account_id, contact_id, position) {
        account_id -> Text,
        contact_id -> Text,
        position -> Integer,
        number -> Text,
        kind -> Text,
    }
}

table! {
    contact_subscriptions (account_id, contact_id, category) {
        account_id -> Text,
        contact_id -> Text,
        category -> Text,
    }
}

table! {
    memberships (account_id, user_id) {
        account_id -> Text,
        user_id -> Text,
        contact_id -> Nullable<Text>,
        permissions -> Text,
        status -> Text,
        expires_at -> Nullable<Timestamp>,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

table! {
    member_subscriptions (account_id, user_id, category) {
        account_id -> Text,
        user_id -> Text,
        category -> Text,
    }
}

table! {
    owners (account_id) {
        account_id -> Text,
        contact_id -> Text,
        user_id -> Nullable<Text>,
        verified -> Nullable<Bool>,
    }
}

table! {
    role_holders (account_id, role, contact_id) {
        account_id -> Text,
        role -> Text,
        contact_id -> Text,
        sole -> Bool,
        verified -> Nullable<Bool>,
    }
}

table! {
    role_primaries (account_id, role) {
        account_id -> Text,
        role -> Text,
        contact_id -> Text,
        verified -> Bool,
    }
}

table! {
    ownership_transfers (id) {
        id -> Text,
        account_id -> Text,
        from_contact_id -> Text,
        to_contact_id -> Text,
        status -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        ended_at -> Nullable<Timestamp>,
        version -> BigInt,
    }
}

table! {
    account_reviews (id) {
        id -> Text,
        account_id -> Text,
        reviewed_at -> Timestamp,
        due_at -> Timestamp,
        actor_kind -> Text,
        actor_id -> Nullable<Text>,
        on_behalf_of -> Nullable<Text>,
        contact_id -> Nullable<Text>,
        findings -> Text,
        note -> Nullable<Text>,
    }
}

table! {
    invitations (id) {
        id -> Text,
        account_id -> Text,
        address -> Text,
        address_key -> Text,
        display_name -> Nullable<Text>,
        language -> Text,
        permissions -> Text,
        contact_id -> Nullable<Text>,
        inviter_id -> Nullable<Text>,
        sending_id -> Text,
        status -> Text,
        created_at -> Timestamp,
        sent_at -> Timestamp,
        expires_at -> Timestamp,
        ended_at -> Nullable<Timestamp>,
    }
}

table! {
    sessions (id) {
        id -> Text,
        user_id -> Text,
        created_at -> Timestamp,
        last_used_at -> Timestamp,
        expires_at -> Timestamp,
        ended_at -> Nullable<Timestamp>,
        end_reason -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        network -> Nullable<Text>,
        authenticated_at -> Nullable<Timestamp>,
        operator_id -> Nullable<Text>,
        account_id -> Nullable<Text>,
    }
}

table! {
    refresh_tokens (hash) {
        hash -> Text,
        session_id -> Text,
        created_at -> Timestamp,
        spent_at -> Nullable<Timestamp>,
        successor_salt -> Nullable<Text>,
    }
}

table! {
    sign_ups (id) {
        id -> Text,
        address -> Text,
        address_key -> Text,
        details -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        used_at -> Nullable<Timestamp>,
    }
}

table! {
    password_resets (id) {
        id -> Text,
        user_id -> Text,
        address_key -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        used_at -> Nullable<Timestamp>,
    }
}

table! {
    email_changes (id) {
        id -> Text,
        user_id -> Text,
        from_address -> Text,
        from_address_key -> Text,
        address -> Text,
        address_key -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        undo_until -> Nullable<Timestamp>,
        ended_at -> Nullable<Timestamp>,
    }
}

table! {
    contact_verifications (id) {
        id -> Text,
        account_id -> Text,
        contact_id -> Text,
        address_key -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        used_at -> Nullable<Timestamp>,
    }
}

table! {
    api_keys (id) {
        id -> Text,
        kind -> Text,
        account_id -> Nullable<Text>,
        user_id -> Text,
        name -> Text,
        mode -> Text,
        permissions -> Text,
        accounts -> Nullable<Text>,
        secret_hash -> Text,
        created_at -> Timestamp,
        expires_at -> Nullable<Timestamp>,
        last_used_at -> Nullable<Timestamp>,
    }
}

table! {
    audit_events (id) {
        id -> Text,
        account_id -> Nullable<Text>,
        user_id -> Nullable<Text>,
        revision -> BigInt,
        position -> Integer,
        at -> Timestamp,
        actor_kind -> Text,
        actor_id -> Nullable<Text>,
        on_behalf_of -> Nullable<Text>,
        kind -> Text,
        subject_kind -> Text,
        subject_id -> Text,
        data -> Text,
        request_id -> Nullable<Text>,
    }
}

table! {
    audit_values (event_id, position) {
        event_id -> Text,
        position -> Integer,
        person_kind -> Text,
        person_id -> Text,
        field -> Text,
        before -> Nullable<Text>,
        after -> Nullable<Text>,
    }
}

table! {
    audit_horizon (log) {
        log -> Text,
        moment -> Timestamp,
    }
}

table! {
    audit_trimmed (log_id) {
        log_id -> Text,
        revision -> BigInt,
    }
}

table! {
    mails (id) {
        id -> Text,
        contact_id -> Nullable<Text>,
        address -> Text,
        address_key -> Text,
        language -> Text,
        message -> Text,
        created_at -> Timestamp,
        attempts -> Integer,
        next_attempt_at -> Timestamp,
        claimed_until -> Nullable<Timestamp>,
        sent_at -> Nullable<Timestamp>,
        failed_at -> Nullable<Timestamp>,
        last_error -> Nullable<Text>,
        notification_id -> Nullable<Text>,
        user_id -> Nullable<Text>,
        part -> Nullable<Text>,
        grounds -> Nullable<Text>,
        withdrawn -> Nullable<Text>,
    }
}

table! {
    notifications (id) {
        id -> Text,
        account_id -> Text,
        kind -> Text,
        category -> Text,
        opened_by -> Nullable<Text>,
        integration_id -> Nullable<Text>,
        content -> Nullable<Text>,
        step -> Text,
        revision -> BigInt,
        created_at -> Timestamp,
    }
}

table! {
    idempotency_keys (caller, method, path, key) {
        caller -> Text,
        method -> Text,
        path -> Text,
        key -> Text,
        fingerprint -> Text,
        status -> Integer,
        headers -> Text,
        body -> Binary,
        created_at -> Timestamp,
    }
}

table! {
    operators (id) {
        id -> Text,
        address -> Text,
        address_key -> Text,
        display_name -> Text,
        kind -> Text,
        password_hash -> Text,
        status -> Text,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        factor -> Nullable<Text>,
        factor_step -> Nullable<BigInt>,
    }
}

table! {
    operator_sessions (id) {
        id -> Text,
        operator_id -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
    }
}

table! {
    integrations (id) {
        id -> Text,
        name -> Text,
        scopes -> Text,
        revision -> BigInt,
        created_at -> Timestamp,
        disabled_at -> Nullable<Timestamp>,
    }
}

table! {
    integration_keys (id) {
        id -> Text,
        integration_id -> Text,
        mode -> Text,
        secret_hash -> Text,
        created_at -> Timestamp,
        expires_at -> Nullable<Timestamp>,
        last_used_at -> Nullable<Timestamp>,
    }
}

table! {
    join_requests (id) {
        id -> Text,
        user_id -> Text,
        account_id -> Nullable<Text>,
        asked_account -> Nullable<Text>,
        asked_owner -> Nullable<Text>,
        asked_key -> Text,
        message -> Nullable<Text>,
        status -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        ended_at -> Nullable<Timestamp>,
    }
}

table! {
    throttles (key) {
        key -> Text,
        window_started_at -> Timestamp,
        count -> Integer,
    }
}

table! {
    second_factors (user_id) {
        user_id -> Text,
        secret -> Text,
        created_at -> Timestamp,
        confirmed_at -> Nullable<Timestamp>,
        used_step -> Nullable<BigInt>,
        recovery_codes -> Text,
    }
}

table! {
    second_factor_challenges (id) {
        id -> Text,
        user_id -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
    }
}

table! {
    feed (arrival) {
        arrival -> BigInt,
        event_id -> Text,
        sequence -> Nullable<BigInt>,
    }
}

table! {
    webhooks (id) {
        id -> Text,
        integration_id -> Text,
        url -> Text,
        description -> Nullable<Text>,
        types -> Text,
        secret -> Text,
        former_secret -> Nullable<Text>,
        former_until -> Nullable<Timestamp>,
        disabled_at -> Nullable<Timestamp>,
        disabled_reason -> Nullable<Text>,
        failing_since -> Nullable<Timestamp>,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

table! {
    webhook_deliveries (id) {
        id -> Text,
        webhook_id -> Text,
        event_id -> Nullable<Text>,
        kind -> Text,
        state -> Text,
        created_at -> Timestamp,
        began_at -> Timestamp,
        attempts -> Integer,
        next_attempt_at -> Timestamp,
        claimed_until -> Nullable<Timestamp>,
        ended_at -> Nullable<Timestamp>,
        last_attempt_at -> Nullable<Timestamp>,
        last_status -> Nullable<Integer>,
        last_error -> Nullable<Text>,
        last_answer -> Nullable<Text>,
    }
}
