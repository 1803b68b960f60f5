//! The service is there at all.

use accounts_tests::on_both;

on_both! {
    fn it_says_that_it_is_alive_and_ready(app) {
        app.client().get("/healthz").expect(200);
        app.client().get("/readyz").expect(200);
    }

    fn an_unknown_path_is_a_problem_answer(app) {
        app.client().get("/v1/nowhere").refused(404, "not-found");
    }
}
