//! Every test that speaks to the service from outside, in one binary.

#[cfg(test)]
mod api {
    mod smoke;
}
#[cfg(test)]
mod contract {
    mod rules;
}
#[cfg(test)]
mod schema {
    mod migrations;
    mod rules;
}
