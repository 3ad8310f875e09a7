package lasterror_test

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tghook/tghook/cmd/tghook/internal/lasterror"
)

// The texts are those that Telegram's server gives, and some as libraries print them.
func TestEveryTextOfTelegramIsExplained(t *testing.T) {
	for text, diagnosis := range map[string]string{
		"Wrong response from the webhook: 100 Continue":                              "interim-answer",
		"Wrong response from the webhook: 301 Moved Permanently":                     "redirect",
		"Wrong response from the webhook: 302 Found":                                 "redirect",
		"Wrong response from the webhook: 304 Not Modified":                          "redirect",
		"Wrong response from the webhook: 308 Permanent Redirect":                    "redirect",
		"Wrong response from the webhook: 400 Bad Request":                           "body-consumed",
		"Wrong response from the webhook: 401 Unauthorized":                          "wrong-secret",
		"Wrong response from the webhook: 403 Forbidden":                             "firewall",
		"Wrong response from the webhook: 404 Not Found":                             "wrong-path",
		"wrong response from the webhook: 404":                                       "wrong-path",
		"Wrong response from the webhook: 405 Not Allowed":                           "method-not-allowed",
		"Wrong response from the webhook: 410 Gone":                                  "gone",
		"Wrong response from the webhook: 413 Request Entity Too Large":              "body-limit",
		"Wrong response from the webhook: 418 I'm a teapot":                          "refused-update",
		"Wrong response from the webhook: 429 Too Many Requests":                     "rate-limit",
		"Wrong response from the webhook: 500 Internal Server Error":                 "handler-fails",
		"Wrong response from the webhook: 502 Bad Gateway":                           "bot-down",
		"Wrong response from the webhook: 503 Service Temporarily Unavailable":       "bot-down",
		"Wrong response from the webhook: 504 Gateway Time-out":                      "slow-handler",
		"Wrong response from the webhook: 525":                                       "bot-down",
		"Wrong response from the webhook: 530":                                       "bot-down",
		"Wrong response from the webhook: GET:/hook":                                 "not-http",
		"Read timeout expired":                                                       "slow-handler",
		"Write timeout expired":                                                      "unreachable",
		"Connection refused":                                                         "unreachable",
		"Connection reset by peer":                                                   "unreachable",
		"Connection timed out":                                                       "unreachable",
		"No route to host":                                                           "unreachable",
		"Broken pipe":                                                                "idle-timeout",
		"Can't connect to the webhook":                                               "unreachable",
		"Can't connect to the webhook proxy":                                         "unreachable",
		"SSL error {error:0A000086:SSL routines::certificate verify failed}":         "certificate-chain",
		"SSL error {error:0A00010B:SSL routines::wrong version number}":              "not-tls",
		"SSL error {error:0A000102:SSL routines::unsupported protocol}":              "tls-version",
		"SSL error {error:0A00045C:SSL routines::tlsv13 alert certificate required}": "not-tls",
		"SSL error {error:0A000438:SSL routines::tlsv1 alert internal error}":        "not-tls",
		"Can't create an SSL connection: something":                                  "not-tls",
		"Not Implemented":                                                                                                   "not-http",
		"HTTP Version Not Supported":                                                                                        "not-http",
		"Unimplemented: unsupported transfer-encoding":                                                                      "unfinished-answer",
		"Unsupported Media Type: unsupported content-encoding":                                                              "answer-encoding",
		"Request Entity Too Large: too many parameters":                                                                     "reply-type",
		"Request Entity Too Large: too many parameters in form data":                                                        "reply-type",
		"Bad Request: boundary not found":                                                                                   "reply-type",
		"Bad Request: unexpected end of request content":                                                                    "reply-type",
		"Bad Request: bad webhook: Failed to resolve host: Name or service not known":                                       "dns",
		"Bad Request: bad webhook: IP address 127.0.0.1 is reserved":                                                        "reserved-address",
		"Bad Request: bad webhook: IPv6-only addresses are not allowed":                                                     "ipv6-only",
		"Bad Request: bad webhook: Invalid IP address specified":                                                            "address",
		"Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443":                                 "port",
		"Bad Request: bad webhook: An HTTPS URL must be provided for webhook":                                               "address",
		"Bad Request: invalid webhook URL specified":                                                                        "address",
		"Bad Request: bad webhook: Failed to set custom certificate file{error:05800088:x509}":                              "certificate-untrusted",
		"Bad Request: certificate size is too big (3145729 bytes)":                                                          "certificate-untrusted",
		"Bad Request: secret token is too long":                                                                             "wrong-secret",
		"Bad Request: secret token contains unallowed characters":                                                           "wrong-secret",
		"Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first":      "second-poller",
		"telegram: Conflict: terminated by other getUpdates request; make sure that only one bot instance is running (409)": "second-poller",
		"Error: 409: Conflict: terminated by setWebhook request":                                                            "second-poller",
		"Conflict: terminated by other setWebhook":                                                                          "second-poller",
		"[Error] Bad Request: bad webhook: Failed to resolve host: Temporary failure in name resolution":                    "dns",
		"Last error: Connection refused":                                                                                    "unreachable",
	} {
		e, known := lasterror.Explain(text)
		assert.True(t, known, text)
		assert.Equal(t, diagnosis, e.Diagnosis, text)
		assert.NotEmpty(t, e.Meaning, text)
		assert.NotEmpty(t, e.Mend, text)
		assert.Equal(t, text, e.Error)
	}
}

func TestEveryStatusIsExplained(t *testing.T) {
	for code := 100; code < 600; code++ {
		if code/100 == 2 {
			continue // no error
		}
		text := "Wrong response from the webhook: " + strconv.Itoa(code) + " " + http.StatusText(code)
		e, known := lasterror.Explain(text)
		assert.True(t, known, text)
		assert.NotEmpty(t, e.Meaning, text)
	}
}

func TestAnExplanationNamesTheAddressOfTheError(t *testing.T) {
	e, _ := lasterror.Explain("Bad Request: bad webhook: IP address 10.1.2.3 is reserved")
	assert.Contains(t, e.Meaning, "10.1.2.3")
}

func TestOtherTextsAreNotExplained(t *testing.T) {
	for _, text := range []string{"", "hello", "Connection", "Bad Request: chat not found", "a: b: c"} {
		_, known := lasterror.Explain(text)
		assert.False(t, known, text)
	}
}
