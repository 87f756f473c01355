//! What every backend of the four ports must do. A backend takes part by one line,
//! `conformance!(name, open)`, where `open()` gives a pointer to an empty store.

pub(crate) mod documents;

/// Runs the whole suite against a backend, one test for each sentence.
#[macro_export]
macro_rules! conformance {
    ($backend:ident, $open:path) => {
        mod $backend {
            $crate::conformance!(@port documents, $open:
                an_added_document_comes_back_as_it_was
                an_equal_document_stays_as_it_is
                the_latest_issue_has_the_latest_start_then_the_latest_arrival
                anchors_never_meet
                history_has_every_issue_latest_first
                an_instant_has_the_latest_issue_that_had_arrived
                a_selection_lasts_until_another_number_is_seen
                selections_enter_with_their_document
                of_equal_refusals_the_last_is_kept
                refusals_come_latest_first
                refusals_are_bounded_in_number
                refusals_are_bounded_in_size
                a_long_refusal_is_cut_and_says_so
            );
        }
    };
    (@port $port:ident, $open:path: $($name:ident)*) => {
        mod $port {
            $(
                #[test]
                fn $name() {
                    $crate::conformance::$port::$name(&*$open());
                }
            )*
        }
    };
}
