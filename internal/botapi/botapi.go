// Package botapi knows the methods of the Bot API. It writes a call as the body of a request,
// or of a webhook's response: in JSON or, if there are files, as multipart.
package botapi
