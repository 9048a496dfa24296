"""Which messages ask to stop, and which only look so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.rules.opt_out import is_opt_out

WISHES = (
    """
STOP|stop.|Stop!!!|SAIR|sair|Parar|PARAR!!|pare|PARE POR FAVOR|Pare de me mandar mensagem|parem de mandar mensagens
CANCELAR|Cancelar inscrição|cancele|Não quero mais receber mensagens|nao quero receber mais nada|não quero mais receber
Não me mande mais mensagens|me remova da lista|Me tira dessa lista por favor|remover meu número|descadastrar|Quero sair
quero me descadastrar|🛑 STOP 🛑|s.t.o.p|S T O P|stooooop|SAIR SAIR SAIR|Unsubscribe|unsubscribe me|cancelar envio
please remove me from your list|stop texting me|don't text me anymore|Opt-out|optout|opt out|BAJA|Darme de baja
quiero darme de baja|no quiero recibir más mensajes|cancelar suscripción|Salir|ALTO|no me escriban más|No más mensajes
"SAIR"|sáir|ＳＴＯＰ|S\u200bTOP|Olá, gostaria de cancelar, obrigado|chega de mensagens|chega!|para de mandar mensagem
Por favor, pare!|parar envio|me descadastre|Pode parar|Não envie mais|End|QUIT|cancel|stop all|take me off your list
leave me alone|dejen de enviarme mensajes|eliminar mi número|Não quero mais mensagens|não quero receber promoções
desuscribirme|parar de receber|não desejo receber mensagens de vocês|PARA|stop sending me messages|baja por favor
Bom dia! Me remove da lista de vocês, por favor|descadastre meu e-mail|SAIR 👋🏽|Já chega|*PARAR*|_sair_|não quero mais isso
""".strip()
    .replace("\n", "|")
    .split("|")
)

NOT_WISHES = (
    """
não quero parar|quero parar de fumar|não pare|não cancele|Quero cancelar minha consulta de amanhã|pode cancelar o pedido?
não quero cancelar|to stop or not|oi|sim|não|no|não quero|no quiero|Vou sair mais tarde|Posso sair mais cedo?|vou sair
Quando para o desconto?|stop by my house|parar onde?|can you stop by tomorrow|don't stop|please don't cancel|no pares
para mim|para quem?|sair de casa|Gostei muito, não parem de mandar ofertas|não quero sair|nao quero sair da lista|weekend
end of month?|cancela não|remova o frete|quero comprar| |🛑|Chega quando?|chega amanhã?|baja calidad?|alto preço|1|quero
me manda mais|não recebi|quero receber mensagens|ok|obrigado|cancelar pedido|cancel my order|the end|no cancelen|nunca parem
não me cancele|no quiero salir|basta comprar?|i want to quit my job|tira foto|me tira uma dúvida|não recebi mensagem|no quiero nada
não quero deixar de receber|Eu ia pedir para sair da lista mas mudei de ideia, podem continuar mandando as promoções
""".strip()
    .replace("\n", "|")
    .split("|")
)


@pytest.mark.parametrize("text", WISHES)
def test_wishes(text: str) -> None:
    assert is_opt_out(text)


@pytest.mark.parametrize("text", NOT_WISHES)
def test_not_wishes(text: str) -> None:
    assert not is_opt_out(text)


@given(
    word=st.sampled_from(["stop", "sair", "parar", "cancelar", "unsubscribe", "baja"]),
    before=st.text(alphabet=" .!?*_~\"'🛑🙏\u200b\n", max_size=5),
    after=st.text(alphabet=" .!?*_~\"'🛑🙏\u200b\n", max_size=5),
    upper=st.booleans(),
)
def test_decoration_changes_nothing(word: str, before: str, after: str, upper: bool) -> None:
    assert is_opt_out(f"{before}{word.upper() if upper else word}{after}")


@given(st.text())
def test_any_text_gets_an_answer(text: str) -> None:
    assert is_opt_out(text) in {True, False}


def test_a_long_text_is_never_a_wish() -> None:
    assert not is_opt_out("sair " * 50_000)
