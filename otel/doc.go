// Package oteltghook makes metrics and traces of a tghook bot, with OpenTelemetry.
package oteltghook
