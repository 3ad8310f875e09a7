package tghooktest

import (
	"cmp"
	"encoding/json"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

func (s *Server) getWebhookInfo() answer {
	s.mu.Lock()
	h := s.webhook
	s.mu.Unlock()
	info := struct { // fields in Telegram's order
		URL                  string   `json:"url"`
		HasCustomCertificate bool     `json:"has_custom_certificate"`
		PendingUpdateCount   int      `json:"pending_update_count"`
		LastErrorDate        int64    `json:"last_error_date,omitempty"`
		LastErrorMessage     string   `json:"last_error_message,omitempty"`
		MaxConnections       int      `json:"max_connections,omitempty"`
		IPAddress            string   `json:"ip_address,omitempty"`
		AllowedUpdates       []string `json:"allowed_updates,omitempty"`
	}{
		URL: h.url, HasCustomCertificate: h.custom, PendingUpdateCount: s.queue.Len(),
		LastErrorMessage: h.lastError, MaxConnections: h.maxConnections, AllowedUpdates: s.queue.Allowed(),
	}
	if h.lastError != "" {
		info.LastErrorDate = h.failed.Unix()
	}
	if h.url != "" {
		info.IPAddress = cmp.Or(h.ip, "<unknown>")
	}
	encoded, err := json.Marshal(info)
	if err != nil {
		panic(err) // every field can be encoded
	}
	return answer{result: botapi.AppendJSON(nil, encoded)}
}
