//! Every test that speaks to the service from outside, in one binary.

#[cfg(test)]
mod api {
    mod access_checks;
    mod api_keys;
    mod bad_bodies;
    mod bad_input;
    mod bad_targets;
    mod conventions;
    mod cors;
    mod deliverability;
    mod devices;
    mod enumeration;
    mod erase;
    mod events;
    mod exports;
    mod external_ids;
    mod foreign_tokens;
    mod framing;
    mod house;
    mod imports;
    mod inbound_checks;
    mod integrations;
    mod invitations;
    mod notifications;
    mod operational;
    mod operations;
    mod operator_integrations;
    mod operator_mails;
    mod operators;
    mod order_of_checks;
    mod preconditions;
    mod recipients;
    mod repeats;
    mod reviews;
    mod second_factor;
    mod secrets;
    mod smoke;
    mod standard;
    mod throttling;
    mod tokens;
    mod webhooks;
}
#[cfg(test)]
mod consistency {
    mod bites;
    mod endings;
    mod moves;
    mod reads;
}
#[cfg(test)]
mod contract {
    mod authorisation;
    mod events;
    mod rules;
}
#[cfg(test)]
mod races {
    mod additions;
    mod block;
    pub(crate) mod dice;
    mod invitations;
    mod office;
    mod promotions;
    mod proofs;
    mod removals;
    mod ring;
    mod sessions;
    mod sign_ups;
    mod transfers;
}
#[cfg(test)]
mod outages {
    mod disk;
    mod figures;
    mod notices;
    mod post_office;
    mod postgres;
    mod process;
    mod relay;
    mod shutdown;
    mod slow_clients;
    mod smtp;
    mod sqlite;
}
#[cfg(test)]
mod rules {
    mod datacenter;
    mod departments;
    mod hosting;
    mod hosting_invitations;
    mod hosting_join_requests;
    mod operators;
    mod saas_suite;
    mod telephony;
}
#[cfg(test)]
mod schema {
    mod migrations;
    mod rules;
    mod store;
}
