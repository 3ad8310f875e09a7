// The payment of an invoice: order, shipping, payment, receipt.
import {html, useState} from './vendor/preact.js';
import {usePlace} from './place.js';
import {Dialog, show} from './dialog.js';
import {Icon} from './icons.js';
import {money, userName} from './format.js';

/** The card of an invoice in the chat. */
export function Invoice({message}) {
  const place = usePlace();
  const i = message.invoice;
  const hasButton = message.reply_markup?.inline_keyboard?.length;
  return html`<div class="card invoice"><div class="card-body">
    <b class="invoice-title">${i.title}</b><span>${i.description}</span>
    <span class="invoice-sum tabular">${money(i.total_amount, i.currency)}<small>${i.currency === 'XTR' ? '' : i.currency}</small><span class="badge">Test invoice</span></span>
    ${!hasButton && html`<button type="button" class="button primary" onClick=${() => payFor(place, message)}>Pay ${money(i.total_amount, i.currency)}</button>`}
  </div></div>`;
}

/** The receipt of a payment. */
export function Receipt({payment: p}) {
  return html`<div class="receipt"><span class="receipt-mark"><${Icon} name="check" size=${18} /></span>
    <div><b>Paid ${money(p.total_amount, p.currency)}</b>
    <span class="muted">${[p.order_info?.name, p.order_info?.email, p.order_info?.phone_number].filter(Boolean).join(' · ')}</span>
    ${p.shipping_option_id && html`<span class="muted">Shipping: ${p.shipping_option_id}</span>`}
    <span class="muted mono break">${p.telegram_payment_charge_id}</span></div></div>`;
}

/** Opens the checkout of an invoice. */
export function payFor(place, message) {
  return show(close => html`<${Checkout} place=${place} message=${message} close=${close} />`);
}

/** Whether the invoice asks for a value of the order. */
function asks(form, key) {
  return !form || Boolean(['name', 'email', 'phone'].includes(key) ? form[key] : form.address);
}

const labels = {name: 'Name', email: 'E-mail', phone: 'Phone', street_line1: 'Street', city: 'City', post_code: 'Post code', state: 'State', country_code: 'Country'};

function Checkout({place, message, close}) {
  const {api, as, chatUrl, user} = place;
  const invoice = message.invoice;
  const stars = invoice.currency === 'XTR';
  const fields = Object.keys(labels).filter(key => asks(message.x?.form, key));
  const [order, setOrder] = useState({name: userName(user), email: 'you@example.org', phone: '+15550100', street_line1: '1 Main Street', city: 'Springfield', post_code: '12345', state: '', country_code: 'US'});
  const [step, setStep] = useState({name: 'order'});
  const [shipping, ship] = useState(null);
  const [tip, setTip] = useState(0);
  const [busy, setBusy] = useState(false);
  const set = (key, value) => setOrder({...order, [key]: value});

  const pay = async chosen => {
    setBusy(true);
    const {name, email, phone, ...address} = order;
    const body = {as, name, email, phone, wait: '20s'};
    if (fields.includes('city')) body.address = address;
    if (chosen) body.shipping = chosen;
    if (tip > 0) body.tip = Math.round(tip * 100);
    try {
      const answer = await api.post(`${chatUrl}/messages/${message.message_id}/pay`, body);
      if (answer.step === 'shipping') ship(answer.shipping_options?.[0]?.id ?? null);
      setStep(answer.step === 'shipping' ? {name: 'shipping', options: answer.shipping_options ?? []} : answer.step === 'paid' ? {name: 'paid', message: answer.message} : {name: 'refused', error: answer.error || 'The bot refused the payment.'});
    } catch (err) {
      setStep({name: 'refused', error: err.message});
    }
    setBusy(false);
  };

  const steps = step.name === 'shipping' || fields.includes('city') ? ['order', 'shipping', 'paid'] : ['order', 'paid'];
  const at = Math.max(0, steps.indexOf(step.name === 'refused' ? 'paid' : step.name));
  return html`<${Dialog} title="Checkout" className="checkout" onClose=${() => close()}>
    <ol class="steps" aria-label="Steps">${steps.map((s, i) => html`<li key=${s} class=${i < at ? 'done' : i === at ? 'now' : ''} aria-current=${i === at ? 'step' : undefined}>${{order: 'Order', shipping: 'Shipping', paid: 'Receipt'}[s]}</li>`)}</ol>
    <div class="order-line"><span><b>${invoice.title}</b><span class="muted">${invoice.description}</span></span><b class="tabular">${money(invoice.total_amount, invoice.currency)}</b></div>
    ${step.name === 'order' && html`<form onSubmit=${e => { e.preventDefault(); pay(null); }}>
      ${!stars && html`<div class="order-form">${fields.map(key => html`<label key=${key} class=${'label of-' + key}>${labels[key]}<input class="field" value=${order[key]} autocomplete="off" onInput=${e => set(key, e.target.value)} /></label>`)}
        ${message.x?.form?.max_tip ? html`<label class="label of-tip">Tip<input class="field" type="number" min="0" step="0.01" value=${tip} onInput=${e => setTip(Number(e.target.value))} /></label>` : null}</div>
      <p class="pay-card"><${Icon} name="card" size=${18} /> <span class="tabular">4242 4242 4242 4242</span> <span class="muted">test card, no money moves</span></p>`}
      <div class="dialog-foot"><button type="button" class="button" onClick=${() => close()}>Cancel</button><button class="button primary" disabled=${busy}>${busy ? html`<span class="spinner"></span>` : null} Pay ${money(invoice.total_amount, invoice.currency)}</button></div></form>`}
    ${step.name === 'shipping' && html`<form onSubmit=${e => { e.preventDefault(); pay(shipping); }}>
      <fieldset class="shipping"><legend>How shall it be sent?</legend>${step.options.map(o => html`<label key=${o.id} class="shipping-option">
        <input type="radio" name="shipping" value=${o.id} checked=${shipping === o.id} onChange=${() => ship(o.id)} /><span>${o.title}</span><b class="tabular">${money(o.amount, invoice.currency)}</b></label>`)}</fieldset>
      <div class="dialog-foot"><button type="button" class="button" onClick=${() => setStep({name: 'order'})}>Back</button><button class="button primary" disabled=${busy || !shipping}>${busy ? html`<span class="spinner"></span>` : null} Pay</button></div></form>`}
    ${step.name === 'paid' && html`<div class="pay-end"><span class="receipt-mark big"><${Icon} name="check" size=${34} /></span><b>Paid</b>
      <p class="muted">The bot has the successful_payment message.</p><div class="dialog-foot"><button class="button primary" onClick=${() => close()}>Done</button></div></div>`}
    ${step.name === 'refused' && html`<div class="pay-end"><span class="receipt-mark big bad"><${Icon} name="close" size=${34} /></span><b>Not paid</b><p class="error-text" role="alert">${step.error}</p>
      <div class="dialog-foot"><button class="button" onClick=${() => close()}>Close</button><button class="button primary" onClick=${() => setStep({name: 'order'})}>Again</button></div></div>`}
  </${Dialog}>`;
}
