package sender

import (
	"strconv"
	"strings"
)

// maxCopied bounds the bytes of a body that are copied.
const maxCopied = 1 << 20

// Wire is the request and the answer of an attempt, as they were on the wire. Bodies are cut
// after 1 MiB.
type Wire struct {
	URL        string
	Head       string // of the request, with a line for each header
	AnswerHead string // empty if none was read whole
	Answer     []byte // the body, without chunks, but compressed if it came so
	AnswerSize int
}

// copied is what came of an answer.
type copied struct {
	head string
	body []byte
	size int
}

func (c *copied) add(b []byte) {
	c.size += len(b)
	c.body = append(c.body, b[:min(len(b), maxCopied-len(c.body))]...)
}

// wireOf returns the request and the answer of an attempt. If the attempt ended before the
// answer was whole, it returns what had come.
func (s *Sender) wireOf(c *connection, e event, a Attempt) *Wire {
	answer := e.answer.copied
	if !e.answered {
		c.mu.Lock()
		answer = c.input.copied
		if answer.head == "" {
			rest := c.input.rest()
			answer.head = string(rest[:min(len(rest), maxCopied)])
		}
		c.mu.Unlock()
	}
	head := s.request.before + strconv.Itoa(len(a.Update.Body)) + strings.TrimSuffix(s.request.after, "\r\n\r\n")
	return &Wire{URL: s.cfg.URL.Scheme + "://" + host(s.cfg.URL) + s.cfg.Target, Head: head, AnswerHead: answer.head, Answer: answer.body, AnswerSize: answer.size}
}
