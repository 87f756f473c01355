//! What every backend of the five ports must do. A backend takes part by one line,
//! `conformance!(name, open)`, where `open()` gives a pointer to an empty store, or
//! `None` after it has said that what it needs is not there and not required.

pub(crate) mod audit;
pub(crate) mod documents;
pub(crate) mod fleet;
pub(crate) mod governance;
pub(crate) mod secrets;

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
            $crate::conformance!(@port fleet, $open:
                a_platform_comes_back_as_it_was
                a_platform_put_again_keeps_when_it_was_first_seen
                platforms_are_listed_in_pages_and_by_family
                platforms_are_found_by_the_age_of_their_certificates
                a_removed_platform_leaves_nothing
                with_a_platform_goes_its_evidence
                platforms_without_evidence_are_listed_in_pages
                certificates_come_back_as_they_were
                what_is_selected_is_answered
                many_platforms_are_kept_as_one_after_the_other
                nothing_is_kept_for_a_platform_that_is_not_there
                raw_tcbs_come_in_order
                the_last_evidence_is_kept
                evidence_is_listed_in_pages
                a_registration_is_queued_once_and_comes_back_as_it_was
                a_lease_lasts_until_its_end
                whoever_waits_is_found_by_its_last_registration
                a_registration_queued_anew_says_what_is_new
                an_acknowledged_platform_waits_no_longer
                who_waits_with_another_manifest_waits_on
            );
            $crate::conformance!(@port governance, $open:
                versions_count_for_each_object
                a_removed_object_has_its_history_and_can_come_back
                kinds_never_meet
                a_version_that_is_told_of_enters_with_its_entry_or_not_at_all
            );
            $crate::conformance!(@port secrets, $open:
                a_secret_is_listed_without_its_value
                a_version_follows_the_one_before_also_after_a_removal
                each_change_is_in_the_audit
                a_release_counts_and_is_in_the_audit
                what_is_not_released_counts_nothing_and_is_in_no_audit
                a_secret_is_released_so_often_and_no_more
                a_secret_is_released_until_its_last_second
                a_secret_is_released_to_its_platforms
                a_removed_secret_is_not_released
                what_changed_is_to_be_looked_at_anew
                decisions_that_are_not_in_force_release_nothing
                many_may_ask_at_once_for_the_last_one
            );
            $crate::conformance!(@port audit, $open:
                an_event_gets_the_next_place
                entries_come_in_their_order
                the_chain_holds
                the_digests_are_as_described
                equal_events_have_different_digests
                many_may_record_at_once
            );
        }
    };
    (@port $port:ident, $open:path: $($name:ident)*) => {
        mod $port {
            $(
                #[test]
                fn $name() {
                    if let Some(store) = $open() {
                        $crate::conformance::$port::$name(&*store);
                    }
                }
            )*
        }
    };
}
