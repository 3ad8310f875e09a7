// Package promise tests, by the public API of tghook, what the dispatcher promises for
// one update after the other: what Telegram is told, order, lateness, attempts, dead
// letters, the Store, and the end. It holds tests only. Package model tests the same by random
// schedules.
package promise
