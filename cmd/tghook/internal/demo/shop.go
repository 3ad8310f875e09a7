package demo

import "context"

func (b *bot) invoice(ctx context.Context, m message) error {
	return b.client.Call(ctx, "sendInvoice", params{
		"chat_id": m.Chat.ID, "title": "Tea", "description": "A tin of tea, sent to your door. No money moves.", "payload": "tea",
		"provider_token": "7000000002:TEST:demo", "currency": "EUR",
		"prices":    []params{{"label": "Tea", "amount": 790}, {"label": "Tin", "amount": 200}},
		"need_name": true, "need_shipping_address": true, "is_flexible": true,
		"max_tip_amount": 500, "suggested_tip_amounts": []int{50, 100, 200},
	}, nil)
}

// ship answers with ways to ship an order. Parcels do not go to Antarctica.
func ship(s *shipping) params {
	if s.Address.Country == "AQ" {
		return params{"shipping_query_id": s.ID, "ok": false, "error_message": "Parcels do not go to Antarctica. Choose another country."}
	}
	return params{"shipping_query_id": s.ID, "ok": true, "shipping_options": []params{
		{"id": "post", "title": "Post, 3 days", "prices": []params{{"label": "Post", "amount": 390}}},
		{"id": "courier", "title": "Courier, today", "prices": []params{{"label": "Courier", "amount": 1290}}},
	}}
}
