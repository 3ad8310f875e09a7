package fakesqs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
)

const contentType = "application/x-amz-json-1.0"

// apiError is an error of SQS.
type apiError struct{ code, text string }

func (e *apiError) Error() string { return e.code + ": " + e.text }

func invalid(format string, args ...any) error {
	return &apiError{"InvalidParameterValue", fmt.Sprintf(format, args...)}
}

// readRequest checks what all requests have in common.
func readRequest(r *http.Request) (action string, body []byte, err error) {
	action, found := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/":
		return "", nil, fmt.Errorf("%s %s", r.Method, r.URL)
	case r.Header.Get("Content-Type") != contentType:
		return "", nil, fmt.Errorf("Content-Type %q", r.Header.Get("Content-Type"))
	case !found:
		return "", nil, fmt.Errorf("X-Amz-Target %q", r.Header.Get("X-Amz-Target"))
	case !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "):
		return "", nil, errors.New("the request is not signed")
	}
	body, err = io.ReadAll(r.Body)
	return action, body, err
}

func writeError(rw http.ResponseWriter, err error) {
	answer := &apiError{"InternalFailure", err.Error()}
	_ = errors.As(err, &answer)
	if answer.code == "QueueDoesNotExist" { // the codes of the older protocol differ
		rw.Header().Set("X-Amzn-Query-Error", "AWS.SimpleQueueService.NonExistentQueue;Sender")
	}
	rw.Header().Set("Content-Type", contentType)
	rw.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(rw).Encode(map[string]string{"__type": "com.amazonaws.sqs#" + answer.code, "message": answer.text}) //nolint:errchkjson // the client may have gone
}

// parse reads the parameters of an action, and finds the queue.
func (s *Server) parse(body []byte, params any) (*queue, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(params); err != nil {
		s.tb.Errorf("fakesqs: %v in %.500s", err, body)
		return nil, &apiError{"SerializationException", err.Error()}
	}
	var target struct {
		URL string `json:"QueueUrl"`
	}
	_ = json.Unmarshal(body, &target)
	name := path.Base(target.URL)
	q := s.queues[name]
	if q == nil && s.others != nil && strings.HasSuffix(name, ".fifo") {
		q, _ = newQueue(s.others)
		s.queues[name] = q
	}
	if q == nil || !strings.Contains(target.URL, "/"+Account+"/") {
		return nil, &apiError{"QueueDoesNotExist", "The specified queue does not exist."}
	}
	return q, nil
}

// do applies a request.
func (s *Server) do(action string, body []byte) (any, error) {
	if action == "ReceiveMessage" {
		return s.receive(body)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.wake()
	switch action {
	case "SendMessageBatch":
		return s.sendBatch(body)
	case "DeleteMessage":
		return s.delete(body)
	case "ChangeMessageVisibilityBatch":
		return s.changeVisibilityBatch(body)
	case "GetQueueAttributes":
		return s.attributes(body)
	default:
		s.tb.Errorf("fakesqs: no action %s", action)
		return nil, &apiError{"InvalidAction", action}
	}
}

// entry is the part of a batch that each entry has.
type entry struct{ Id string } //nolint:revive // SQS's name

// results answers a batch.
type results struct {
	Successful []any
	Failed     []map[string]any
}

func (r *results) add(id string, success map[string]any, err error) {
	var refused *apiError
	switch {
	case errors.As(err, &refused):
		r.Failed = append(r.Failed, map[string]any{"Id": id, "SenderFault": true, "Code": refused.code, "Message": refused.text})
	default:
		success["Id"] = id
		r.Successful = append(r.Successful, success)
	}
}

// checkBatch checks the ids of the entries of a batch.
func checkBatch(ids []string) error {
	if len(ids) == 0 {
		return &apiError{"EmptyBatchRequest", "There should be at least one entry in the request."}
	}
	if len(ids) > 10 {
		return &apiError{"TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10."}
	}
	seen := map[string]bool{}
	for _, id := range ids {
		if !isMadeOf(id, 80, isBatchID) {
			return &apiError{"InvalidBatchEntryId", id}
		}
		if seen[id] {
			return &apiError{"BatchEntryIdsNotDistinct", id}
		}
		seen[id] = true
	}
	return nil
}

// isMadeOf reports whether text has 1 to most characters, all of them accepted.
func isMadeOf(text string, most int, accepted func(r rune) bool) bool {
	return text != "" && len(text) <= most && strings.IndexFunc(text, func(r rune) bool { return !accepted(r) }) < 0
}

func isAlphanumeric(r rune) bool {
	return '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

func isBatchID(r rune) bool { return isAlphanumeric(r) || r == '-' || r == '_' }

// isToken accepts what groups and the ids of deduplication and attempts have.
func isToken(r rune) bool {
	return isAlphanumeric(r) || strings.ContainsRune("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", r)
}

func isAttributeName(r rune) bool { return isBatchID(r) || r == '.' }

// isContent accepts the characters of a body.
func isContent(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || ' ' <= r && r <= 0xD7FF || 0xE000 <= r && r <= 0xFFFD || 0x10000 <= r && r <= 0x10FFFF
}
