// Package echoresponse holds the part of Echo's adapters that writes an answer and needs no
// type of Echo.
package echoresponse

import (
	"net/http"
	"reflect"
)

// Behind returns the writer to which the Gzip middleware of Echo writes, if it is among the
// writers that w wraps, and w if not. Gzip also compresses an answer that has a
// Content-Encoding. A middleware between the two writers does not see the answer.
func Behind(w http.ResponseWriter) http.ResponseWriter {
	behind := w
	for {
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return behind
		}
		inner := wrapper.Unwrap()
		if isGzip(w) {
			behind = inner
		}
		w = inner
	}
}

// isGzip reports whether w is a writer of Echo's Gzip. Echo does not export its type.
func isGzip(w http.ResponseWriter) bool {
	t := reflect.TypeOf(w)
	return t != nil && t.Kind() == reflect.Pointer && t.Elem().Name() == "gzipResponseWriter"
}

// Encoded reports whether an answer with this header has an encoding of its own.
func Encoded(header http.Header) bool { return header.Get("Content-Encoding") != "" }
