// Package watermill brings updates through a message broker with Watermill: a webhook publishes
// them, and workers handle them. The programs in kafka and rabbitmq use it. README.md says what
// each broker keeps, and what it does not.
package watermill
