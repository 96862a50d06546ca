package models_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"wabagate/models"
)

// TestLanesOfTheStore: the Store's own transactions enter lanes as translations do.
func TestLanesOfTheStore(t *testing.T) {
	onBoth(t, func(t *testing.T, where models.Options) {
		s, ctx := open(t, where), t.Context()
		webhook, _ := furnish(t, s, 0)
		var c models.Changes
		var ids []int64
		for i, sequence := range []int64{3, 2, 1} {
			e := models.Event{ID: s.NextID(), Type: "message.received", ConversationID: 7, Sequence: sequence, CreatedAt: time.Now(), Data: []byte("{}")}
			copy(e.Key[:], fmt.Sprintf("%016d", i))
			ids = append(ids, e.ID)
			c.Events, c.Deliveries = append(c.Events, e), append(c.Deliveries, models.Delivery{EventID: e.ID, WebhookID: webhook})
		}
		ok(t, s.Translate(ctx, func(tx models.Translation) error { return tx.Write(ctx, c) }))
		refs := []models.LaneRef{{WebhookID: webhook + 1, ConversationID: 7}, {WebhookID: webhook, ConversationID: 8}, {WebhookID: webhook, ConversationID: 7}}
		ok(t, s.Translate(ctx, func(tx models.Translation) error {
			idle, err := tx.Lanes(ctx, refs[2:], []int64{11})
			if !slices.Equal(idle, []bool{true}) {
				t.Errorf("a fresh lane: %v", idle)
			}
			return err
		}))
		ok(t, s.Transact(func(tx *gorm.DB) error {
			idle, err := s.EnterLanes(tx, refs, []int64{12, 13, 14})
			if !slices.Equal(idle, []bool{true, true, false}) {
				t.Errorf("two fresh and a busy lane: %v", idle)
			}
			if err != nil {
				return err
			}
			return s.LineUp(tx, webhook, ids)
		}))
		ok(t, s.Translate(ctx, func(tx models.Translation) error {
			idle, err := tx.Lanes(ctx, refs, []int64{15, 16, 17})
			if !slices.Equal(idle, []bool{false, false, false}) {
				t.Errorf("all busy: %v", idle)
			}
			return err
		}))
		up := must[[]models.Work](t)(s.Settle(ctx, []models.Result{{Done: 11, WebhookID: webhook}}))
		slices.Reverse(ids)
		if len(up) != 1 || !slices.Equal(up[0].Members, ids) {
			t.Fatalf("came up %v, want %v", up, ids)
		}
	})
}
