// Package telemetry makes the metrics and traces of tghook serve, and serves /healthz, /readyz and
// /metrics.
//
// # Metrics
//
// These are the names at /metrics. Over OTLP the same metrics have dots, and no unit or total at
// the end: tghook_serve_post_duration_seconds is tghook.serve.post.duration. bot is the name of
// the bot in the file. target is the name of a copy, or empty for the bot's own URL.
//
//	Name                                                 Type       Labels                      Meaning
//	tghook_serve_received_total                          counter    bot outcome                 arrivals of updates
//	tghook_serve_posts_total                             counter    bot target outcome status   requests to the URL of a bot
//	tghook_serve_post_duration_seconds                   histogram  bot target                  time until the bot answered, or failed to
//	tghook_serve_delay_seconds                           histogram  bot target                  time from the arrival of an update to the bot's 2xx
//	tghook_serve_calls_total                             counter    bot method outcome code     calls of the Bot API for webhook replies
//	tghook_serve_call_duration_seconds                   histogram  bot                         time of these calls
//	tghook_serve_dead_letters_total                      counter    bot target                  updates that were given up
//	tghook_serve_reloads_total                           counter    outcome                     readings of the configuration
//	tghook_serve_reload_success_timestamp_seconds        gauge                                  when the configuration was last read without a mistake
//	tghook_serve_history_dropped_total                   counter                                rows of the history that were lost, because too many waited
//	tghook_serve_queue_updates                           gauge      bot target                  updates that wait, with those that are posted now
//	tghook_serve_queue_leased                            gauge      bot target                  those of them that a gateway has taken
//	tghook_serve_queue_age_seconds                       gauge      bot target                  time since the oldest of them arrived; 0 if there is none
//	tghook_serve_queue_dead_letters                      gauge      bot target                  dead letters that are kept
//	tghook_serve_target_window                           gauge      bot target                  requests that may be under way
//	tghook_serve_target_busy                             gauge      bot target                  requests that are under way
//	tghook_serve_target_waiting                          gauge      bot target                  updates in memory that wait for a request
//	tghook_serve_target_down                             gauge      bot target                  1 if the bot does not answer
//	tghook_serve_bot_info                                gauge      bot tghook_bot receive      1; tghook_bot is the bot's id, as in the library's metrics
//	tghook_serve_bot_paused                              gauge      bot                         1 if the bot is paused
//	tghook_serve_webhook_pending_updates                 gauge      bot                         updates that wait at Telegram
//	tghook_serve_webhook_last_error_timestamp_seconds    gauge      bot                         when Telegram last failed to deliver an update
//	tghook_serve_webhook_problem                         gauge      bot                         1 if the webhook cannot be set, or the poll fails
//	tghook_serve_storage_size_bytes                      gauge                                  size of the storage on the disk
//	tghook_serve_storage_max_bytes                       gauge                                  storage.max_size of the configuration
//	tghook_serve_build_info                              gauge      version goversion           1
//
// The outcomes of tghook_serve_received_total are those of [tghook.Delivery], and "full": too many
// updates wait, or the storage is full. The outcomes of posts are "delivered", "failed" and
// "unreachable" (nothing was sent). The status of a post is "2xx" and so on, or "none" if there was
// no answer. The outcomes of calls are "ok", "retried" (429, 5xx and lost connections, which are
// tried again) and "failed". The code of a call is "200", the error_code of Telegram, a class such
// as "4xx" for a rare one, or "none" if there was no answer.
//
// All gateways on one database show the same queues: take their maximum and not their sum. Only the
// gateway that cares for a bot shows its webhook. The gauges of a bot end with the bot. Its counters
// stay until the next start.
//
// The metrics of the library (see package oteltghook), of Go and of the process are there too.
//
// No label tells a chat, a user, a text or a secret. The values of labels are bounded: a method
// that this version does not know is "other". An instrument has at most 20,000 series. More are
// counted in one, with the label otel_metric_overflow="true".
package telemetry
