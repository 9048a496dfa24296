"""Is this inbound message a wish to receive no more? For the inbound door, which suppresses before anything else.

Portuguese, English and Spanish; accents, punctuation, emoji, repeated and stretched letters do not matter. The whole
message must be such a wish: "SAIR", "Pode parar, por favor!", "não quero mais receber mensagens" are; "não quero
parar", "quero parar de fumar" or a long sentence that happens to contain "cancelar" are not, and go to a person.
"""

import re
import unicodedata

MAX_WORDS = 12
MAX_LENGTH = 200

# Single words that alone are the wish.
_KEYWORDS = (
    # English (the CTIA list and what people write)
    r"stop|stopall|stop all|unsubscribe|unsub|cancel|end|quit|opt ?out|remove",
    # Portuguese
    (
        r"sair|parar|pare|parem|para|cancelar|cancele|cancela|cancelem|descadastrar|descadastre|descadastro|desinscrever"
        r"|desinscreva|desinscricao|desassinar|remover|remova|remocao|excluir|exclua|bloquear|chega|basta"
    ),
    # Spanish
    (
        r"salir|baja|alto|detener|detente|desuscribir|desuscribirme|desuscribirse|desuscribete|eliminar|eliminarme"
        r"|cancelar suscripcion|no mas|remove(?:r|d)"
    ),
)
# What a wish is wrapped in without changing it; removed only from the two ends.
_COURTESY = (
    r"por favor|por gentileza|pfv|pfvr|pf|favor|please|pls|plz|obrigad[oa]|obg|grat[oa]|gracias|thanks|thank you|thx",
    r"oi|ola|opa|bom dia|boa tarde|boa noite|hi|hello|hey|hola|buenos dias|buenas tardes|ok|sim|yes|si",
    r"agora|ja|now|ahora|imediatamente|tudo|isso|isto|all|esto|de vez|mais uma vez",
    (
        r"eu|i|yo|voces?|vcs?|quero|queria|gostaria de|desejo|preciso|pode|podem|poderiam?|want to|i d like to"
        r"|would like to|quiero|quisiera|deseo|puedes?|me"
    ),
)
_MESSAGES = (
    r"(?:mensage(?:m|ns|ms)|msgs?|e ?mails?|sms|textos?|promoc(?:ao|oes)|promos?|propagandas?|anuncios?|ofertas?|contatos?"
    r"|notificac(?:ao|oes)|ligac(?:ao|oes)|nada|isso|isto|novidades|spams?|mensajes?|correos?|promociones|publicidad)"
)
_OF_YOURS = r"(?: (?:de|da|do|desta|dessa|deste|desse|por|pelo|no|neste|nesse|meu|aqui|daqui|voces?|vcs?|vos|ustedes|empresa|numero|whatsapp|zap|celular|telefone|mais|mas))*"
_DETERMINER = r"(?: (?:mais|mas|as|os|essas|esses|estas|estes|suas|seus|tais|nenhuma?|mi|mis|me|o|a|esse|este|esta|essa|sua|seu|minha|meu|tantas?))*"
_SENDING = r"(?:mandar|enviar|envio|receber|encaminhar|mandarem|enviarem|encher|incomodar|perturbar|enviarme|mandarme|enviando|mandando|escribir|escribirme|recibir)"
_LIST = (
    r"(?:lista|listas|cadastro|numero|contatos?|telefone|celular|fone|e ?mail|inscricao|assinatura|envios?|grupo|base|aqui"
    r"|recebimento|suscripcion|telefono|correo|registro|transmissao|dados" + f"|{_MESSAGES})"
)
_PHRASES = (
    # nao quero (mais) receber (as suas mensagens)
    (
        r"(?:nao|n|nunca) (?:quero|desejo|gostaria de|tenho interesse em|autorizo|aceito)(?: mais)?(?: que)? (?:receber|recebo)"
        rf"{_DETERMINER}(?: {_MESSAGES})?{_OF_YOURS}"
    ),
    rf"nao quero mais(?: (?:as|suas|essas))?(?: {_MESSAGES}){_OF_YOURS}",
    # nao me mande(m) mais (mensagens)
    (
        r"(?:nao|n)(?: me)? (?:mande[m]?|manda[m]?|envie[m]?|envia[m]?|chame[m]?|contate[m]?|perturbe[m]?|incomode[m]?)(?: me)?"
        rf"{_DETERMINER}(?: {_MESSAGES})?{_OF_YOURS}"
    ),
    # pare(m) de (me) mandar (mensagens); chega de mensagens
    (
        rf"(?:para|pare|parem|parar|deixe[m]?|deixa|chega|dejen?|deja|basta)(?: (?:de|com))(?: me)?(?: {_SENDING})?{_DETERMINER}"
        rf" (?:{_MESSAGES}|{_SENDING}){_OF_YOURS}"
    ),
    # me tire(m) da lista; remova meu numero; cancelar inscricao; descadastrar meu e-mail
    (
        r"(?:me )?(?:remov(?:er|a|am|e)|tir(?:ar|a|e|em)|exclu(?:ir|a|am|i)|retir(?:ar|a|e|em)|descadastr(?:ar|e|a|em)"
        r"|desinscrev(?:er|a)|cancel(?:ar|a|e|em)|apag(?:ar|ue|uem|a)|elimin(?:ar|e|en|a)|sair|salir|borr(?:ar|e|en|a)"
        r"|quit(?:ar|en|e)|sac(?:ar|a|quen)|dar baixa)(?:me)?(?: me)?"
        rf"(?: (?:da|do|de|desta|dessa|deste|desse|das|dos|a|o|as|os|meu|minha|sua|suas|esta|essa|la|el|mi|su|del))* {_LIST}{_OF_YOURS}"
    ),
    (
        r"me (?:remov(?:a|am|e)|tir(?:a|e|em) (?:daqui|disso)|exclu(?:a|am|i)|descadastr(?:e|a|em)|desinscrev(?:a|am)"
        r"|bloquei(?:e|a)|remover|descadastrar|excluir)"
    ),
    r"(?:me )?descadastrar(?: me)?|descadastrem? me|remova me|exclua me|cancelar tudo|sair fora",
    # English
    (
        r"(?:stop|quit|cease)(?: (?:sending|messaging|texting|contacting|emailing|spamming|writing))?(?: to)?(?: me)?(?: any| more| these| your| the| all)*"
        r"(?: (?:messages?|texts?|e ?mails?|sms|spam|this|it|subscription))?"
    ),
    (
        r"(?:don t|dont|do not|never)(?: want to)?(?: ever)? (?:send|message|text|contact|e ?mail|write|receive|get)(?: to)?(?: me)?(?: any| more| these| your)*"
        r"(?: (?:messages?|texts?|e ?mails?|sms))?(?: anymore| any more| again)?(?: from you)?"
    ),
    r"(?:no more|no)(?: (?:messages?|texts?|e ?mails?|sms))(?: anymore)?",
    (
        r"(?:remove|take|delete|unsubscribe|opt)(?: me| my number| my e ?mail)(?: (?:off|out|from))*(?: (?:of )?(?:the|this|your|all))*(?: mailing)?"
        r"(?: (?:list|lists|messages?|texts?|e ?mails?))?"
    ),
    r"(?:unsubscribe|cancel|end)(?: (?:from|my|the|this|all|your))*(?: (?:list|lists|messages?|texts?|e ?mails?|subscription))",
    r"opt(?:ing)? me out|leave me alone",
    # Spanish
    (
        r"(?:dar(?:me|se)? de baja|dame de baja|denme de baja|darme baja|de baja|baja (?:por favor|ya|total))"
        r"(?: (?:de|la|esta|su|lista|suscripcion))*"
    ),
    (
        r"no(?: me)? (?:envien?|manden?|escriban?|envies|mandes|escribas|contacten?|llamen)"
        rf"{_DETERMINER}(?: {_MESSAGES})?{_OF_YOURS}"
    ),
    rf"(?:ya )?no (?:quiero|deseo)(?: (?:recibir|mas|que me envien|que me escriban))+{_DETERMINER}(?: {_MESSAGES})?{_OF_YOURS}",
    rf"no mas {_MESSAGES}|(?:parar|cancelar|encerrar) (?:os? )?envios?",
)
_WISH = re.compile("|".join(f"(?:{pattern})" for pattern in (*_KEYWORDS, *_PHRASES)))
_LEADING = re.compile(rf"^(?:(?:{'|'.join(_COURTESY)})(?: |$))+")
_TRAILING = re.compile(rf"(?:(?:^| )(?:{'|'.join(_COURTESY)}))+$")
_STRETCHED = re.compile(r"(\w)\1{2,}")
_REPEATED_WORD = re.compile(r"\b(\w+)(?: \1\b)+")


def is_opt_out(text: str) -> bool:
    """Whether the whole message asks to receive no more messages."""
    if len(text) > MAX_LENGTH:
        return False
    words = plain_words(text)
    if not words or len(words) > MAX_WORDS:
        return False
    if len(words) > 2 and all(len(word) == 1 for word in words):
        words = ["".join(words)]  # "S T O P", "s.a.i.r"
    sentence = _REPEATED_WORD.sub(r"\1", " ".join(words))
    if _is_wish(sentence):
        return True
    bare = _LEADING.sub("", _TRAILING.sub("", sentence))
    return _is_wish(bare)


def plain_words(text: str) -> list[str]:
    """The words without accents, case, punctuation, emoji; stretched letters shortened ("paraaaar" → "parar")."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(_plain_character(character) for character in decomposed)
    return _STRETCHED.sub(r"\1", kept).split()


def _plain_character(character: str) -> str:
    category = unicodedata.category(character)
    if category.startswith(("L", "N")):
        return character
    # Accents and invisible characters vanish without splitting the word; all else separates words.
    return "" if category in {"Mn", "Me", "Cf"} else " "


def _is_wish(sentence: str) -> bool:
    return _WISH.fullmatch(sentence) is not None
