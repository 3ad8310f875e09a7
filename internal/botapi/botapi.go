// Package botapi knows what the Bot API takes: its methods, and how a call is written as the
// body of a request or of a webhook's response, in JSON or, with files, as multipart.
package botapi
